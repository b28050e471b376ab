import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sampleOrder } from '../../src/provisioner/conformance.ts';
import { type Clock, type Log, systemClock } from '../../src/provisioner/index.ts';
import { AGENT, openOffice } from './fixtures.ts';
import { openNotices } from './notices.ts';
import { manualSettings } from './schema.ts';
import { openStore } from './store.ts';
import type { Task } from './wire.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let server: Server;
let url: string;
let received: Received[];
let statuses: number[];
let office: Awaited<ReturnType<typeof openOffice>>;

beforeEach(async () => {
  [received, statuses] = [[], []];
  server = createServer((incoming, outgoing) => {
    let body = '';
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
    incoming.on('end', () => {
      received.push({ headers: incoming.headers, body });
      outgoing.writeHead(statuses.shift() ?? 200).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/s3cret`;
  office = await openOffice();
});
afterEach(async () => {
  server.close();
  await office.close();
});

const { stamp, name, sshKey } = sampleOrder(AGENT);
const task: Task = {
  version: 1,
  id: `create-${stamp.operation}`,
  round: 1,
  kind: 'create',
  target: 'desk',
  stamp,
  askedAt: 0,
  machine: { name, offering: '<!channel>', sshKey },
};

/** The system's clock, whose pauses are over at once. */
const hasty: Clock = { ...systemClock, after: (_ms, fn) => systemClock.after(0, fn) };

async function told(settings: object, log: Log = office.deps.log) {
  const store = openStore(office.directory);
  await store.write(task);
  const parsed = manualSettings.parse({ notification_webhook: url, ...settings });
  const notices = openNotices(parsed, store, { ...office.deps, clock: hasty, log });
  notices.tell(task);
  await expect.poll(() => store.notified(task)).toBe(true);
  return { notices, store };
}

test('a notice is signed over its time and its body', async () => {
  const { notices } = await told({ webhook_secret: 'k' });
  const [{ headers, body } = { headers: {}, body: '' }] = received;
  const mac = createHmac('sha256', 'k')
    .update(`${String(headers['dc-agent-timestamp'])}.${body}`)
    .digest('hex');
  expect(headers['dc-agent-signature']).toBe(`v1=${mac}`);
  expect(JSON.parse(body)).toMatchObject({
    event: 'provision_required',
    contract_id: stamp.contract,
    task_id: task.id,
  });
  await notices.close();
});

test('a notice is repeated under the same id until it is taken, and then never again', async () => {
  statuses = [500, 302, 404];
  const { notices } = await told({});
  expect(received.map(({ headers }) => headers['dc-agent-delivery'])).toEqual(Array(4).fill(`${task.id}.1`));
  notices.tell(task);
  await notices.close();
  expect(received).toHaveLength(4);
});

test('no log line shows the webhook, which holds a credential', async () => {
  const lines: unknown[] = [];
  const note = (...line: unknown[]): void => void lines.push(line);
  const log: Log = { debug: note, info: note, warn: note, error: note, child: () => log };
  statuses = [500];
  const { notices } = await told({ webhook_secret: 'signing-key' }, log);
  expect(lines).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toMatch(/s3cret|signing-key|127\.0\.0\.1/);
  await notices.close();
});

test('the form for Slack is one text, in which an order mentions nobody', async () => {
  const { notices } = await told({ webhook_format: 'slack' });
  const message = JSON.parse(received[0]?.body ?? '{}') as { text: string };
  expect(Object.keys(message)).toEqual(['text']);
  expect(message.text).toContain('&lt;!channel&gt;');
  expect(message.text).toContain(`dc-agent task done ${task.id}`);
  await notices.close();
});
