import { createCluster, type NodeSpec } from '../../../simulators/proxmox/build.ts';
import type { Personality } from '../../../simulators/proxmox/call.ts';
import { createProxmox, type ProxmoxCore } from '../../../simulators/proxmox/core.ts';
import { inProcessProxmox } from '../../../simulators/proxmox/in-process.ts';
import { type Clock, Secret, silentLog, systemRandom } from '../../../src/provisioner/index.ts';
import { createPve, type Pve } from '../api.ts';
import type { PveCredentials } from '../call-request.ts';
import { fastClock } from '../fixtures.ts';
import { type ProxmoxSettings, proxmoxSettings } from '../schema.ts';
import type { PveRequest, PveResponse, PveTransport } from '../transport.ts';
import { applySteps } from './apply.ts';
import { decide, type Wishes } from './decide.ts';
import { type Image, type PinnedImage } from './images.ts';
import type { Journal, Made } from './made.ts';
import { planSetup, type SetupOrder, type SetupPlan } from './plan.ts';
import { surveyCluster, surveyDetails, surveyNode } from './survey.ts';
import type { UndoWork } from './undo.ts';
import type { Step, Work } from './work.ts';

const SUM = 'ab'.repeat(32);

export const IMAGE: Image = {
  id: 'debian-13',
  title: 'Debian 13',
  url: 'https://images.example/debian-13.qcow2',
  algorithm: 'sha256',
  checksum: { hex: SUM },
};

export const pinned = async (image: Image): Promise<PinnedImage> => ({ ...image, checksum: { hex: SUM } });

export interface GroundOptions {
  readonly personality?: Personality;
  readonly nodes?: readonly NodeSpec[];
  readonly disks?: 'lvmthin' | 'zfspool' | 'lvm';
}

const PASSWORD = 'correct horse';

/** A cluster as the installer leaves it, and an administrator who is logged in. */
export class BareGround {
  readonly core: ProxmoxCore;
  readonly clock: Clock;
  readonly pve: Pve;
  readonly made: Made[] = [];
  /** Told by steps. */
  readonly said: string[] = [];
  /** Files of snippets by volume. */
  readonly snippets = new Map<string, string>();
  token: { id: string; secret: Secret } | undefined;
  /** What becomes of the n-th write from now on, counted from 0. */
  fate: { readonly n: number; readonly is: 'refused' | 'lost-before' | 'lost-after' } | undefined;
  #writes = 0;

  private constructor(core: ProxmoxCore, clock: Clock, credentials: PveCredentials) {
    this.core = core;
    this.clock = clock;
    const send = inProcessProxmox(core, { clock });
    const transport = { send: (request: PveRequest) => this.#troubled(request, send), close: async () => {} };
    this.pve = createPve(transport, credentials, { clock, log: silentLog });
  }

  /** Counts writes from now on. */
  doom(n: number, is: 'refused' | 'lost-before' | 'lost-after'): void {
    this.#writes = 0;
    this.fate = { n, is };
  }

  async #troubled(request: PveRequest, send: PveTransport['send']): Promise<PveResponse> {
    const doomed = request.method !== 'GET' && this.#writes++ === this.fate?.n ? this.fate.is : undefined;
    if (doomed === undefined) return send(request);
    if (doomed === 'refused') return { status: 403, statusText: 'not today', headers: {}, body: '' };
    if (doomed === 'lost-after') await send(request);
    throw Object.assign(new Error('ECONNRESET'), { code: 'ECONNRESET' });
  }

  static async open({ personality = '9.1', nodes = [{ name: 'pve' }], disks = 'lvmthin' }: GroundOptions = {}) {
    const clock = fastClock(200);
    const cluster = createCluster({
      now: clock.now(),
      personality,
      nodes,
      storages: [
        { id: 'local', type: 'dir', content: ['iso', 'vztmpl', 'backup'], totalGb: 100 },
        { id: 'local-lvm', type: disks, content: ['images', 'rootdir'], totalGb: 800 },
      ],
      rootPassword: PASSWORD,
    });
    const downloads = new Map([
      [IMAGE.url, { sizeBytes: 64 * 2 ** 20, diskBytes: 2 ** 31, is: 'qcow2', checksums: { sha256: SUM } } as const],
    ]);
    const core = createProxmox({ clock, random: systemRandom, cluster, personality, downloads, timings: QUICK });
    const transport = { send: inProcessProxmox(core, { clock }), close: async () => {} };
    const options = { clock, log: silentLog };
    const signal = new AbortController().signal;
    const login = await createPve(transport, { how: 'none' }, options).access.login(
      'root@pam',
      new Secret(PASSWORD),
      signal,
    );
    if (login === 'second-factor') throw new Error('root of the simulator has one factor');
    return new BareGround(core, clock, { how: 'ticket', ticket: login.ticket, csrf: login.csrf });
  }

  get signal(): AbortSignal {
    return new AbortController().signal;
  }

  get work(): Work & UndoWork {
    return {
      pve: this.pve,
      clock: this.clock,
      signal: this.signal,
      age: 'older',
      say: (text) => void this.said.push(text),
      keepToken: async (token) => {
        this.token = token;
      },
      snippets: {
        write: async (volid, text) => void this.snippets.set(volid, text),
        remove: async (volid) => void this.snippets.delete(volid),
      },
    };
  }

  get journal(): Journal {
    const { made } = this;
    return {
      made,
      add: async (thing) => void made.push(thing),
      drop: async (thing) => {
        const at = made.findIndex((one) => JSON.stringify(one) === JSON.stringify(thing));
        if (at >= 0) made.splice(at, 1);
      },
    };
  }

  /** Looks around and plans, as the command does. */
  async plan(more: Partial<SetupOrder> & { wishes?: Partial<Wishes>; node?: string } = {}): Promise<SetupPlan> {
    const { pve, signal } = this;
    const { wishes, node = 'pve', ...rest } = more;
    const names = { pool: 'dc-agent', role: 'DcAgent', user: 'dc-agent@pve', token: 'agent-host-1', ...more.names };
    const images = more.images ?? [IMAGE];
    const template = more.template === undefined ? {} : { template: more.template };
    const cluster = await surveyCluster(pve, signal);
    const wanted = { images, agent: 'image', address: 'dhcp', ...template, ...wishes } as const;
    const choices = decide(cluster, await surveyNode(pve, node, signal), wanted);
    const { imageStorage, snippetStorage } = choices;
    const details = await surveyDetails(
      pve,
      cluster,
      {
        user: names.user,
        newTemplates: images.length,
        ...template,
        ...(imageStorage === undefined ? {} : { imageStorage }),
        ...(snippetStorage === undefined ? {} : { snippetStorage }),
      },
      signal,
    );
    return planSetup({
      setup: 'this-setup',
      now: this.clock.now(),
      cluster,
      details,
      choices,
      images,
      token: 'needed',
      settings: this.settings({ storage: choices.storage, bridge: choices.bridge, node, pool: names.pool }),
      pin: pinned,
      ...rest,
      names,
    });
  }

  settings(more: Record<string, unknown>): ProxmoxSettings {
    return proxmoxSettings.parse({
      api_url: 'https://127.0.0.1:8006',
      api_token_id: 'dc-agent@pve!agent-host-1',
      api_token_secret: 'unknown',
      node: 'pve',
      template_vmid: 9000,
      ...more,
    });
  }

  apply(steps: readonly Step[]): Promise<void> {
    return applySteps(steps, this.work, this.journal, () => {});
  }

  /** Writes that arrived since the last question, as `METHOD /path`. */
  writes(): string[] {
    return this.core.calls.filter((call) => !call.startsWith('GET ') && call !== 'POST /access/ticket');
  }

  /** Everything that a setup could have left behind. */
  picture(): unknown {
    const { guests, pools, roles, users, acl, storages, nodes } = this.core.cluster;
    return {
      guests: [...guests.keys()],
      pools: [...pools.keys()],
      roles: [...roles].map(([role, privileges]) => [role, [...privileges].sort()]),
      users: [...users.values()].map(({ id, tokens }) => [id, [...tokens.keys()]]),
      acl: acl.map(({ path, who, role }) => `${path} ${who} ${role}`).sort(),
      contents: [...storages.values()].map(({ id, content }) => [id, [...content].sort()]),
      volumes: [...nodes.values()].flatMap(({ volumes }) => [...volumes.keys()]),
      snippets: [...this.snippets.keys()],
    };
  }
}

/** Short, and long enough for two looks at a task. */
const QUICK = {
  configMs: 10,
  destroyMs: 50,
  downloadMsPerMb: 10,
  importMsPerGb: 200,
  statdMs: 1_000,
  authFailureMs: 10,
};
