import { createHttpTransport } from '../../src/platform/http-transport.ts';
import { startPlatformServer } from './http.ts';
import { cheapSigning, signRequest } from './sign.ts';
import { createStory, seededRandom } from './story.ts';

/** The in-process story's core behind real sockets, under a clock that stands still. */
export async function serveStory(cleanups: (() => Promise<void>)[]) {
  const story = createStory();
  const clock = story.clock;
  const server = await startPlatformServer({ core: story.core, admin: { advance: (ms) => clock.advance(ms) } });
  cleanups.push(server.close);
  const send = createHttpTransport({ endpoint: server.url, name: 'test' });
  cleanups.push(() => send.close());
  const { id } = story.rent();
  const lockPath = `/api/v1/providers/${story.provider}/contracts/${id}/lock`;
  const signed = (method: string, path: string) =>
    signRequest(
      { seed: story.agent.key, header: 'x-agent-pubkey', clock, random: seededRandom(7), signing: cheapSigning },
      method,
      path,
    );
  const lock = () => send({ method: 'POST', path: lockPath, headers: signed('POST', lockPath), timeoutMs: 20_000 });
  const isLocked = () => story.core.locks.size === 1;
  const admin = async (
    verb: string,
    body: object | string = {},
    headers: object = { 'content-type': 'application/json' },
  ) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`${server.url}/__admin/${verb}`, {
      method: 'POST',
      body: text,
      headers: { ...headers },
    });
    return { status: response.status, data: JSON.parse(await response.text()) };
  };
  return { story, clock, server, send, lock, isLocked, admin, signed, contract: id };
}
