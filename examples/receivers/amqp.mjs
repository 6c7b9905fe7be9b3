#!/usr/bin/env node
// Receives Homeward's events from your queue; needs amqplib. Usage: amqp.mjs FOLDER, with
// HOMEWARD_AMQP_URL=amqps://USER:PASSWORD@HOST:5671/VIRTUAL-HOST and HOMEWARD_QUEUE. It ends when the connection does:
// have it started again.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import amqp from 'amqplib';

const [folder] = process.argv.slice(2);

function keep(event) {
  const subject = join(folder, event.subject);
  // It must be destroyed, backups too.
  if (event.type === 'org.homeward.partners.tombstone.v1') rmSync(subject, { recursive: true, force: true });
  mkdirSync(subject, { recursive: true });
  // An event may come twice, and has the same id then: the file is written again.
  writeFileSync(join(subject, `${event.id}.json`), JSON.stringify(event));
}

const url = process.env.HOMEWARD_AMQP_URL;
const connection = await amqp.connect(url, { servername: new URL(url).hostname });
connection.on('error', (error) => console.error(error.message));
connection.on('close', () => process.exit(1));
const channel = await connection.createChannel();
await channel.prefetch(20);
await channel.consume(process.env.HOMEWARD_QUEUE, (message) => {
  if (message === null) return process.exit(1); // The queue was made anew.
  keep(JSON.parse(message.content));
  // Only now that it is kept.
  channel.ack(message);
});
