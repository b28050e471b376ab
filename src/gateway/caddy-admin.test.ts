import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { caddyAdmin } from './caddy-admin.ts';
import { GatewayError } from './port.ts';

const signal = new AbortController().signal;

let home: string;
let server: Server | undefined;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'dc-admin-'));
});
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((closed) => (server === undefined ? closed(undefined) : server.close(closed)));
  await rm(home, { recursive: true, force: true });
});

/** An admin server that breaks off so many requests, as one that is being replaced does, and answers the others. */
async function serve(breaks: number): Promise<{ socket: string; asked: string[] }> {
  const socket = join(home, 'admin.sock');
  const asked: string[] = [];
  let left = breaks;
  const answer: RequestListener = (request, response) => {
    asked.push(`${request.method} ${request.headers.connection}`);
    if (left-- > 0) request.socket.destroy();
    else response.end('{"ok":true}');
  };
  server = createServer(answer);
  await new Promise<void>((ready) => server?.listen(socket, ready));
  return { socket, asked };
}

it('reads once more when the admin server was replaced meanwhile, on a connection of its own', async () => {
  const { socket, asked } = await serve(1);
  const admin = caddyAdmin(socket);
  expect(await admin.read('/config/', signal)).toMatchObject({ status: 200, body: { ok: true } });
  expect(asked).toEqual(['GET close', 'GET close']);
  await admin.close();
});

it('does not read for ever', async () => {
  const { socket, asked } = await serve(9);
  const admin = caddyAdmin(socket);
  await expect(admin.read('/config/', signal)).rejects.toBeInstanceOf(GatewayError);
  expect(asked).toHaveLength(2);
  await admin.close();
});

it('sends no change twice: it may have been taken', async () => {
  const { socket, asked } = await serve(1);
  const admin = caddyAdmin(socket);
  await expect(admin.change('POST', '/config/', {}, { signal })).rejects.toThrow(/does not answer/);
  expect(asked).toEqual(['POST close']);
  await admin.close();
});
