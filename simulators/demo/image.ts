import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Engine } from '../../provisioners/docker/engine.ts';
import type { Surroundings } from './backend.ts';
import { DemoFailure } from './failure.ts';

export const IMAGE = 'dc-agent-ssh:latest';

/** Builds the image of the machines where the engine does not have it. It stays, so that the next time is quicker. */
export async function ensureImage(engine: Engine, socketPath: string, surroundings: Surroundings): Promise<void> {
  const { program, say, signal } = surroundings;
  if ((await engine.inspectImage(IMAGE, signal)) !== undefined) return;
  const script = join(dirname(program.argv.at(-1) ?? ''), '..', 'scripts', 'build-ssh-image');
  const missing = await access(script).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (missing !== undefined) {
    throw new DemoFailure(`the engine has no image ${IMAGE}, and ${script}, which builds it, is not there`, {
      next: 'Run the demonstration in a checkout, or with --backend sandbox.',
      cause: missing,
    });
  }
  say('line', `The engine has no ${IMAGE}: it is built from Debian packages, which takes about half a minute.`);
  say('note', `It stays on the engine for the next time. To remove it: docker rmi ${IMAGE}`);
  await build(script, { ...program.env, DOCKER_HOST: `unix://${socketPath}` }, surroundings);
}

async function build(script: string, env: NodeJS.ProcessEnv, { say, signal }: Surroundings): Promise<void> {
  const child = spawn(script, [], { env, stdio: ['ignore', 'ignore', 'pipe'], signal });
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    say('note', line);
  });
  const [code] = await once(child, 'close');
  if (code === 0) return;
  throw new DemoFailure(`the image ${IMAGE} could not be built`, {
    details: lines.slice(-5),
    next: 'It needs Debian with apt and dpkg. Or run with --backend sandbox.',
  });
}
