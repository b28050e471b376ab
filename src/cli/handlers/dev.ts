import { once } from 'node:events';
import { flag, type Handler, text } from '../command.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';

export const platform: Handler = async (args, io) => {
  const { startDevPlatform } = await import('../../../simulators/platform/cli.ts');
  const port = text(args, 'port');
  const seedOffering = text(args, 'seedOffering');
  const running = await startDevPlatform({
    ...(port === undefined ? {} : { port: portNumber(port) }),
    ...(seedOffering === undefined ? {} : { seedOffering }),
  });
  const { close, ...facts } = running;
  return serve(io, flag(args, 'json'), facts, close);
};

export const sandbox: Handler = async (args, io) => {
  const { startDevSandbox } = await import('../../../simulators/sandbox/server.ts');
  const { close, ...facts } = await startDevSandbox({ socketPath: text(args, 'socket') ?? '/tmp/dc-sandbox.sock' });
  return serve(io, flag(args, 'json'), facts, close);
};

/** Shows what was started, waits for the end, and takes it down. */
async function serve(io: Io, json: boolean, facts: object, close: () => Promise<void>): Promise<typeof EXIT.ok> {
  const plain = Object.entries(facts).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value));
  if (json) io.out(JSON.stringify(Object.fromEntries(plain)));
  else for (const [name, value] of plain) io.out(`${name}: ${value}`);
  io.err('Simulated: nothing here is real. Ctrl-C ends it.');
  try {
    if (!io.signal.aborted) await once(io.signal, 'abort');
  } finally {
    await close();
  }
  return EXIT.ok;
}

function portNumber(given: string): number {
  const port = Number(given);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Failure({ what: '--port takes a number from 0 to 65535', exit: EXIT.usage });
}
