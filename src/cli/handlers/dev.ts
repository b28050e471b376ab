import { once } from 'node:events';
import { resolve } from 'node:path';
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
  }).catch((cause: unknown) => {
    throw new Failure({
      what: 'the simulated platform could not be started',
      next: 'Choose another --port, or none for a free one.',
      cause,
    });
  });
  const { core: _core, close, ...facts } = running;
  return serve(io, flag(args, 'json'), facts, close);
};

export const sandbox: Handler = async (args, io) => {
  const { startDevSandbox } = await import('../../../simulators/sandbox/dev.ts');
  const stateFile = text(args, 'state');
  const running = await startDevSandbox({
    socketPath: resolve(text(args, 'socket') ?? '/tmp/dc-sandbox.sock'),
    ...(stateFile === undefined ? {} : { stateFile: resolve(stateFile) }),
    onProblem: (problem) => io.err(`problem: ${problem}`),
  });
  const { socketPath, configuration } = running;
  return serve(io, flag(args, 'json'), { socketPath, configuration }, () => running.close());
};

export const proxmox: Handler = async (args, io) => {
  const { startDevProxmox } = await import('../../../simulators/proxmox/dev.ts');
  const port = text(args, 'port');
  const personality = text(args, 'version') ?? '9.1';
  if (personality !== '8.4' && personality !== '9.1')
    throw new Failure({ what: `--version takes 8.4 or 9.1, not '${personality}'`, exit: EXIT.usage });
  const running = await startDevProxmox({
    ...(port === undefined ? {} : { port: portNumber(port) }),
    personality,
    onProblem: (problem) => io.err(`problem: ${problem}`),
  });
  const { server, playground, configuration } = running;
  const { user, password } = playground.root;
  const facts = {
    url: server.url,
    fingerprint: server.fingerprint,
    adminUser: user,
    adminPassword: password,
    configuration,
  };
  return serve(io, flag(args, 'json'), facts, () => running.close());
};

export const vultr: Handler = async (args, io) => {
  const { startDevVultr } = await import('../../../simulators/vultr/dev.ts');
  const [port, sshPort] = [text(args, 'port'), text(args, 'sshPort')];
  const running = await startDevVultr({
    ...(port === undefined ? {} : { port: portNumber(port) }),
    ...(sshPort === undefined ? {} : { sshPort: portNumber(sshPort) }),
    onProblem: (problem) => io.err(`problem: ${problem}`),
  });
  const { endpoint, key: apiKey, configuration } = running;
  return serve(io, flag(args, 'json'), { endpoint, apiKey, configuration }, () => running.close());
};

export const hetzner: Handler = async (args, io) => {
  const { startDevHetzner } = await import('../../../simulators/hetzner/dev.ts');
  const [port, sshPort] = [text(args, 'port'), text(args, 'sshPort')];
  const running = await startDevHetzner({
    ...(port === undefined ? {} : { port: portNumber(port) }),
    ...(sshPort === undefined ? {} : { sshPort: portNumber(sshPort) }),
    onProblem: (problem) => io.err(`problem: ${problem}`),
  });
  const { endpoint, token, configuration } = running;
  const setUp = `dc-agent setup hetzner --api-token-file <file with the token> --endpoint ${endpoint}`;
  return serve(io, flag(args, 'json'), { endpoint, token, configuration, setUp }, () => running.close());
};

export const digitalocean: Handler = async (args, io) => {
  const { startDevDo } = await import('../../../simulators/digitalocean/dev.ts');
  const port = text(args, 'port');
  const sshPort = text(args, 'sshPort');
  const running = await startDevDo({
    ...(port === undefined ? {} : { port: portNumber(port) }),
    ...(sshPort === undefined ? {} : { sshPort: portNumber(sshPort) }),
    onProblem: (problem) => io.err(`problem: ${problem}`),
  });
  const { endpoint, token, configuration } = running;
  return serve(io, flag(args, 'json'), { endpoint, token, configuration }, () => running.close());
};

/** Shows what was started, waits for the end, and takes it down. */
async function serve(
  io: Io,
  json: boolean,
  facts: Readonly<Record<string, string | number>>,
  close: () => Promise<void>,
): Promise<typeof EXIT.ok> {
  if (json) io.out(JSON.stringify(facts));
  else for (const [name, value] of Object.entries(facts)) io.out(describe(name, String(value), io));
  io.err('Simulated: nothing here is real. Ctrl-C ends it.');
  try {
    if (!io.signal.aborted) await once(io.signal, 'abort');
  } finally {
    await close();
  }
  return EXIT.ok;
}

/** `setupToken` as `setup token`; a value of several lines below its name, ready to be copied. */
function describe(name: string, value: string, io: Io): string {
  const words = io.colors.bold(name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));
  const lines = value.trimEnd().split('\n');
  return lines.length === 1
    ? `${words}: ${lines[0]}`
    : [`${words}:`, ...lines.map((line) => `  ${line}`.trimEnd())].join('\n');
}

function portNumber(given: string): number {
  const port = Number(given);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Failure({ what: `a port is a number from 0 to 65535, not '${given}'`, exit: EXIT.usage });
}
