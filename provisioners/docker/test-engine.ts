import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';

const wanted = process.env['DC_TEST_DOCKER'] === '1';

/** For `describe.skipIf`. */
export const noEngine = !wanted;

/** Goes into a suite's name, which is all that a report shows of a skipped one. */
export const whySkipped = wanted ? '' : ' (skipped: DC_TEST_DOCKER is not 1, so no Docker engine may be used)';

export const engineSocket = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');

export const TEST_IMAGE = 'dc-agent-ssh:latest';

/** Carried by everything that a test makes past the plugin; its value is the agent id of the test. */
export const TEST_LABEL = 'dc-agent-test';

/** Builds the default image when the engine does not have it as it should be now. */
export async function buildImage(): Promise<void> {
  const script = fileURLToPath(new URL('../../scripts/build-ssh-image', import.meta.url));
  await promisify(execFile)(script, [], { env: { ...process.env, DOCKER_HOST: `unix://${engineSocket}` } });
}

/** One call to the real engine, past the plugin and its client. */
export function askEngine(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const call = request({ socketPath: engineSocket, method, path, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The same, where anything but success breaks the test. */
export async function tellEngine(method: string, path: string, body?: object): Promise<string> {
  const { status, text } = await askEngine(method, path, body);
  if (status >= 400) throw new Error(`${method} ${path} was answered ${status}: ${text.trim()}`);
  return text;
}

const container = z.looseObject({
  Id: z.string(),
  Name: z.string(),
  State: z.looseObject({ Status: z.string(), Pid: z.number(), StartedAt: z.string() }),
  Config: z.looseObject({ Image: z.string(), Labels: z.record(z.string(), z.string()) }),
  HostConfig: z.looseObject({}),
});
export type RealContainer = z.infer<typeof container>;

/** A container as the engine itself describes it; undefined when there is none. */
export async function lookUp(idOrName: string): Promise<RealContainer | undefined> {
  const { status, text } = await askEngine('GET', `/containers/${idOrName}/json`);
  return status === 404 ? undefined : container.parse(JSON.parse(text));
}

/** Ids of the containers that carry all of these labels, in every state. */
export async function idsWith(labels: Readonly<Record<string, string>>): Promise<string[]> {
  const label = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const filters = encodeURIComponent(JSON.stringify({ label }));
  const list = z.array(z.looseObject({ Id: z.string() }));
  return list
    .parse(JSON.parse(await tellEngine('GET', `/containers/json?all=1&filters=${filters}`)))
    .map(({ Id }) => Id);
}

/** Makes a container past the plugin; `body` is the engine's. */
export async function makeContainer(name: string | undefined, body: object): Promise<string> {
  const query = name === undefined ? '' : `?name=${name}`;
  const text = await tellEngine('POST', `/containers/create${query}`, body);
  return z.looseObject({ Id: z.string() }).parse(JSON.parse(text)).Id;
}

/** Kills and removes; absence is fine, since tests remove things too. */
export async function discard(id: string): Promise<void> {
  const { status, text } = await askEngine('DELETE', `/containers/${id}?force=1&v=1`);
  if (status >= 400 && status !== 404 && status !== 409) throw new Error(`could not discard ${id}: ${text.trim()}`);
}
