#!/usr/bin/env node
// Receives Homeward's events by the pull feed; needs nothing but Node.js 18 or newer. Usage: feed.mjs FOLDER
// HOMEWARD_URL, HOMEWARD_KEY and HOMEWARD_SUBSCRIPTION say where and as whom; HOMEWARD_WAIT=30 waits for something.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { HOMEWARD_URL, HOMEWARD_KEY, HOMEWARD_SUBSCRIPTION, HOMEWARD_WAIT = '0' } = process.env;
const folder = process.argv[2];
const cursor = join(folder, 'cursor');
mkdirSync(folder, { recursive: true });

for (;;) {
  const after = existsSync(cursor) ? Number(readFileSync(cursor, 'utf8')) : 0;
  const query = new URLSearchParams({ subscription: HOMEWARD_SUBSCRIPTION, after, wait: HOMEWARD_WAIT });
  const answer = await fetch(`${HOMEWARD_URL}/feed?${query}`, { headers: { Authorization: `Bearer ${HOMEWARD_KEY}` } });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  const page = await answer.json();
  for (const event of page.events) {
    const subject = join(folder, event.subject);
    // It must be destroyed, backups too.
    if (event.type === 'org.homeward.partners.tombstone.v1') rmSync(subject, { recursive: true, force: true });
    mkdirSync(subject, { recursive: true });
    // An event may come twice, and has the same id then: the file is written again.
    writeFileSync(join(subject, `${event.id}.json`), JSON.stringify(event));
  }
  if (page.next === after) break;
  // Only now that everything is kept; asking from here on says so.
  writeFileSync(`${cursor}.new`, String(page.next));
  renameSync(`${cursor}.new`, cursor);
}
