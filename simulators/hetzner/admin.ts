import { attach, newPrimaryIp } from './addresses.ts';
import { LOCATIONS } from './catalogue.ts';
import { type Cloud, type Stock, serverOf } from './cloud.ts';
import { takeAway } from './endpoints/servers.ts';
import { newServer } from './new-server.ts';
import type { Limits } from './options.ts';
import { switchOff, switchOn } from './power.ts';
import type { RateLimit } from './rate-limit.ts';
import type { Labels, Server } from './state.ts';
import { countTraffic } from './traffic.ts';

/** What happens to a project without the agent's doing: by its owner, by the provider, by chance. Ids that do not exist throw. */
export interface Admin {
  /** False: nobody listens any more. Servers run on. */
  readonly reachable: boolean;
  setReachable(reachable: boolean): void;
  /** A server that the owner made by hand. Without labels it carries no stamp at all. */
  addForeign(given?: { name?: string; labels?: Labels; running?: boolean }): number;
  /** The server is gone, at once. */
  lose(id: number): void;
  /** The server goes off, or comes back, by itself. */
  powerOff(id: number): void;
  powerOn(id: number): void;
  setLabels(id: number, labels: Labels): void;
  setGuest(id: number, guest: Partial<Server['guest']>): void;
  /** Somebody's action is at work on it for so long: every other is refused as `locked`. */
  lock(id: number, ms: number): void;
  /** The abuse team blocks its addresses. */
  block(id: number, blocked: boolean): void;
  addTraffic(id: number, bytesIn: number, bytesOut: number): void;
  /** False: the counters show null. */
  knowTraffic(id: number, known: boolean): void;
  setStock(type: string, location: string, stock: Stock): void;
  setLimits(limits: Partial<Limits>): void;
  /** The owner's other tools used up so many requests. */
  spendRequests(count: number): void;
  revoke(token: string): void;
  makeReadOnly(token: string): void;
}

export function createAdmin(
  cloud: Cloud,
  rate: RateLimit,
  access: { readonly tokens: Set<string>; readonly readOnly: Set<string> },
): Admin {
  let reachable = true;
  return {
    get reachable() {
      return reachable;
    },
    setReachable(value) {
      reachable = value;
    },
    addForeign({ name = 'somebody-elses', labels = {}, running = true } = {}) {
      const server = stranger(cloud, name, labels);
      if (running) switchOn(cloud, server);
      return server.id;
    },
    lose: (id) => takeAway(cloud, serverOf(cloud, id)),
    powerOff: (id) => switchOff(cloud, serverOf(cloud, id)),
    powerOn: (id) => switchOn(cloud, serverOf(cloud, id)),
    setLabels(id, labels) {
      serverOf(cloud, id).labels = { ...labels };
    },
    setGuest(id, guest) {
      Object.assign(serverOf(cloud, id).guest, guest);
    },
    lock(id, ms) {
      const resources = [{ id: serverOf(cloud, id).id, type: 'server' as const }];
      cloud.actions.start([{ command: 'migrate_server', resources, ms }], { kind: 'none' });
    },
    block(id, blocked) {
      for (const ip of cloud.project.primaryIps.values()) if (ip.assignee === id) ip.blocked = blocked;
    },
    addTraffic(id, bytesIn, bytesOut) {
      const server = serverOf(cloud, id);
      countTraffic(cloud, server);
      server.traffic.bytesIn += bytesIn;
      server.traffic.bytesOut += bytesOut;
      server.traffic.known = true;
    },
    knowTraffic(id, known) {
      serverOf(cloud, id).traffic.hidden = !known;
    },
    setStock: (type, location, stock) => cloud.setStock(type, location, stock),
    setLimits: (limits) => void Object.assign(cloud.limits, limits),
    spendRequests: (count) => rate.spend(count),
    revoke(token) {
      access.tokens.delete(token);
      access.readOnly.delete(token);
    },
    makeReadOnly(token) {
      if (access.tokens.delete(token)) access.readOnly.add(token);
    },
  };
}

function stranger(cloud: Cloud, name: string, labels: Labels): Server {
  const [type] = cloud.types;
  const [location] = LOCATIONS;
  if (!type || !location) throw new Error('the catalogue is empty');
  const image = [...cloud.project.images.values()].find((one) => one.name === 'debian-13');
  const server = newServer(cloud, { name, type, location, image, labels });
  server.status = 'off';
  attach(newPrimaryIp(cloud, { type: 'ipv4', location, labels: {}, autoDelete: true }), server);
  attach(newPrimaryIp(cloud, { type: 'ipv6', location, labels: {}, autoDelete: true }), server);
  return server;
}
