import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Built, buildProgram } from '../../cli/built.ts';
import type { Backend } from './backend.ts';
import { type Host, type HostChoices, setUpHost } from './host.ts';
import { Market, type Stall } from './market.ts';
import { Pulse } from './pulse.ts';

/** A platform, a backend, and hosts on which the built agent runs: processes, sockets and files all the way. */
export interface World<B extends Backend> {
  readonly home: string;
  readonly pulse: Pulse;
  readonly market: Market;
  readonly backend: B;
  readonly hosts: readonly Host[];
  /** A registered host in a stall's pool. */
  host(stall: Stall, choices?: HostChoices): Promise<Host>;
  close(): Promise<void>;
}

export async function openWorld<B extends Backend>(
  makeBackend: (home: string, pulse: Pulse) => Promise<B>,
  patienceMs = 50_000,
): Promise<World<B>> {
  const undo: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const home = await mkdtemp(join(tmpdir(), 'dc-e2e-'));
    undo.push(() => rm(home, { recursive: true, force: true }));
    const built: Built = await buildProgram();
    undo.push(built.remove);
    const pulse = new Pulse(patienceMs);
    const market = new Market(pulse);
    await market.open();
    undo.push(() => market.shut());
    const backend = await makeBackend(home, pulse);
    undo.push(() => backend.close());
    const hosts: Host[] = [];
    let names = 0;
    // Before their platform and backend go, so that a host that a failed test left running does nothing more.
    undo.push(() => Promise.all(hosts.map((host) => host.kill())));
    return {
      home,
      pulse,
      market,
      backend,
      hosts,
      async host({ pool }, choices = {}) {
        const { admin } = market.core;
        const { seed, key: agent } = admin.keyPair();
        admin.register(admin.token(pool), agent);
        const directory = join(home, `host-${++names}`);
        const { url: endpoint, provider } = market;
        const shared = { program: built.file, directory, endpoint, provider, backend, choices };
        const host = await setUpHost({ ...shared, seed, agent });
        hosts.push(host);
        return host;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
