import type { Clock } from '../../src/ports/clock.ts';
import type { Instance, Provisioner } from '../../src/provisioner/index.ts';
import type { Backend, BackendOptions, SeenMachine } from './backend.ts';
import type { SeededRandom } from './seeded-random.ts';

type MakeBackend = (clock: Clock, random: SeededRandom, options: BackendOptions) => Backend;

const SSH_PORT = 22;

/**
 * A backend whose machines have private addresses, which only their host reaches, handed out as a DHCP server would that wants to
 * do harm: whoever comes next gets the lowest address that is free, and free is what a machine had that is gone.
 */
export function behindHost(make: MakeBackend): MakeBackend {
  return (clock, random, options) => {
    const inner = make(clock, random, options);
    const leases = new Map<string, string>();
    const lies = new Map<string, string>();

    const renew = (): void => {
      const present = new Set(inner.machines().map(({ id }) => id));
      for (const id of leases.keys()) if (!present.has(id)) leases.delete(id);
      for (const id of lies.keys()) if (!present.has(id)) lies.delete(id);
    };
    const freeAddress = (): string => {
      renew();
      const taken = new Set(leases.values());
      let number = 2;
      while (taken.has(address(number))) number++;
      return address(number);
    };
    const addressOf = (id: string): string => {
      const known = leases.get(id);
      if (known !== undefined) return known;
      const lease = freeAddress();
      leases.set(id, lease);
      return lease;
    };
    const seen = (machine: SeenMachine): SeenMachine => ({
      ...machine,
      door: machine.door === undefined ? undefined : `${addressOf(machine.id)}:${SSH_PORT}`,
    });
    const placed = (instance: Instance): Instance => {
      if (instance.ssh === undefined) return instance;
      const host = lies.get(instance.externalId) ?? addressOf(instance.externalId);
      return { ...instance, ipv4: host, ssh: { ...instance.ssh, host, port: SSH_PORT } };
    };

    return {
      ...inner,
      behindHost: true,
      readdress: (id) => void leases.set(id, freeAddress()),
      addressOf,
      freeAddress,
      lie: (id, claimed) => void lies.set(id, claimed),
      beHonest: (id) => void lies.delete(id),
      clearTroubles() {
        inner.clearTroubles();
        lies.clear();
      },
      open: (client) => privately(inner.open(client), placed),
      machines: () => {
        renew();
        return inner.machines().map(seen);
      },
      answersAt(host, port) {
        if (port !== SSH_PORT) return undefined;
        renew();
        const id = [...leases].find(([, lease]) => lease === host)?.[0];
        const door = inner.machines().find((machine) => machine.id === id)?.door;
        const [where = '', number = '0'] = door?.split(':') ?? [];
        return door === undefined ? undefined : inner.answersAt(where, Number(number));
      },
      onChange: (listener) => inner.onChange((machine) => listener(seen(machine))),
    };
  };
}

function address(number: number): string {
  return `10.0.${number >> 8}.${number & 255}`;
}

function privately(plugin: Provisioner, placed: (instance: Instance) => Instance): Provisioner {
  // Without its own byte counters: here those of the ports are to be added up.
  const { list, start, traffic: _counters, ...rest } = plugin;
  return {
    ...rest,
    create: async (order, op) => placed(await plugin.create(order, op)),
    observe: async (ref, ctx) => {
      const observed = await plugin.observe(ref, ctx);
      return observed.state === 'present' ? { ...observed, instance: placed(observed.instance) } : observed;
    },
    ...(list === undefined
      ? {}
      : {
          list: async (ctx) => {
            const listing = await list(ctx);
            return { ...listing, instances: listing.instances.map(placed) };
          },
        }),
    ...(start === undefined ? {} : { start: async (ref, op) => placed(await start(ref, op)) }),
  };
}
