#!/usr/bin/env node
// Receives Homeward's webhooks; needs nothing but Node.js. Usage: webhook.mjs PORT FOLDER, with HOMEWARD_SECRET=whsec_…
// Put it behind a server that speaks HTTPS. It keeps each event, once per id, and answers 204 only then.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [port, folder] = process.argv.slice(2);
const secret = Buffer.from(process.env.HOMEWARD_SECRET.replace(/^whsec_/, ''), 'base64');

function genuine(headers, body) {
  const { 'webhook-id': id = '', 'webhook-timestamp': sent = '', 'webhook-signature': given = '' } = headers;
  const mac = Buffer.from(`v1,${createHmac('sha256', secret).update(`${id}.${sent}.`).update(body).digest('base64')}`);
  const same = (each) => each.length === mac.length && timingSafeEqual(each, mac);
  // Several while a secret is rotated; an old request is somebody's who has recorded it.
  return given.split(' ').map((each) => Buffer.from(each)).some(same) && Math.abs(Date.now() / 1000 - Number(sent)) < 300;
}

function keep(event) {
  const subject = join(folder, event.subject);
  // It must be destroyed, backups too.
  if (event.type === 'org.homeward.partners.tombstone.v1') rmSync(subject, { recursive: true, force: true });
  mkdirSync(subject, { recursive: true });
  writeFileSync(join(subject, `${event.id}.json`), JSON.stringify(event));
}

createServer(async (request, response) => {
  // Before the first event we are asked whether we want any.
  const origin = request.headers['webhook-request-origin'];
  if (request.method === 'OPTIONS') return response.writeHead(204, { 'WebHook-Allowed-Origin': origin ?? '' }).end();
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  const good = genuine(request.headers, body);
  if (good) keep(JSON.parse(body));
  response.writeHead(good ? 204 : 401).end();
}).listen(Number(port), '127.0.0.1');
