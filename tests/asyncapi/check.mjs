// Reads an AsyncAPI document from standard input as its tools do; prints each problem, and how much it found.
import { readFileSync } from 'node:fs';
import parsing from '@asyncapi/parser';

const { document, diagnostics } = await new parsing.Parser().parse(readFileSync(0, 'utf8'));
for (const each of diagnostics) console.error(`${each.severity} ${each.path.join('.')}: ${each.message}`);
if (!document) process.exit(1);
const counts = { problems: diagnostics.filter((each) => each.severity <= parsing.DiagnosticSeverity.Warning).length };
counts.channels = document.channels().length;
counts.operations = document.operations().length;
counts.messages = document.components().messages().length;
console.log(JSON.stringify(counts));
