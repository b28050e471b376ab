import { isBare, readStamp } from '../../../provisioners/digitalocean/tags.ts';
import { type DevDo, startDevDo } from '../../../simulators/digitalocean/dev.ts';
import type { AgentId } from '../../../src/ports/ids.ts';
import type { Backend, SeenMachine } from './backend.ts';
import type { Pulse } from './pulse.ts';

/** Tenants are told port 22. */
const SSH_PORT = 22;
/** Quick, because how long a cloud takes is not what is tried here. */
const SPEED = 100;

export interface DigitalOceanBackend extends Backend {
  readonly dev: DevDo;
  readonly problems: readonly string[];
  machines(): SeenMachine[];
}

/** A simulated account behind real HTTP, whose droplets have SSH servers at addresses of their own. */
export async function digitalOceanBackend(_home: string, pulse: Pulse): Promise<DigitalOceanBackend> {
  const problems: string[] = [];
  const dev = await startDevDo({
    sshPort: SSH_PORT,
    // A minute of the provider's passes in less than a second here.
    options: { speed: SPEED, requestsPerMinute: 250 * SPEED, requestsPerHour: 5_000 * SPEED },
    onProblem: (problem) => void problems.push(problem),
  });
  dev.core.onChange(() => pulse.beat());
  return {
    type: 'digitalocean',
    settings: `
api_token = "${dev.token}"
endpoint = "${dev.endpoint}"
stop_grace_seconds = 2
max_droplets = 50`,
    dev,
    problems,
    machines: () =>
      [...dev.core.account.droplets.values()].map(({ id, status, tags, ordered }) => {
        const marks = isBare(tags) ? ordered : tags;
        const agent = marks.find((tag) => tag.startsWith('dc-agent:'))?.slice('dc-agent:'.length);
        const stamp = agent === undefined ? undefined : readStamp(marks, agent as AgentId);
        return {
          id: String(id),
          uid: String(id),
          contract: stamp?.contract,
          agent,
          running: status === 'active',
        };
      }),
    close: () => dev.close(),
  };
}
