import type { Exchange } from '../../simulators/platform/core.ts';
import type { Contract } from '../../simulators/platform/state.ts';
import { verify } from '../../src/health/index.ts';
import type { SeenMachine } from './backend.ts';
import { cheapAttest } from './process.ts';
import type { StoryRecipe } from './recipes.ts';
import { uptimeTexts } from './uptime-texts.ts';
import { callOf, dcIdOf, type Host, type World } from './world.ts';

export interface Violation {
  readonly rule: string;
  readonly at: number;
  readonly text: string;
}

const LIVE: ReadonlySet<string> = new Set(['provisioned', 'active', 'paused']);
const OPEN: ReadonlySet<string> = new Set(['accepted', 'provisioning', ...LIVE]);
const SILENCE_MS = 200_000;
const LOCK_MS = 330_000;
/** A fact that is younger than this may not have reached everybody: a call already on its way acts on the older one. */
const NEWS_MS = 150_000;
/** In calm weather a list is not older than this. */
const LIST_MS = 90_000;

/** What the story did to a contract's world, which changes what can be asked of the agent. */
export interface Excuses {
  /** Its machine was taken away from outside. */
  readonly lost: Set<string>;
  /** The platform lied about it, and the agent could not know. */
  readonly sacrificed: Set<string>;
  /** What is deployed in its machine. */
  readonly recipes: Map<string, StoryRecipe>;
  /** Its order can never be met. */
  readonly hopeless: Set<string>;
  readonly foreign: Set<string>;
  /** Its delivery got no answer, so its agent cannot tell its own success from a pool mate's. */
  readonly ambiguous: Set<string>;
  /** The story switched its machine off. */
  readonly poweredOff: Set<string>;
  /** When it was last paused, resumed or ended: monotonic ms. */
  readonly changedAt: Map<string, number>;
  /** The platform went back in time, so its rows and ours tell different stories. */
  restoredAt: number | undefined;
  /** Some host's clock was wrong for a while. */
  clockJumped: boolean;
}

/** Watches a world for everything that must never happen. */
export class Rules {
  readonly violations: Violation[] = [];
  readonly excuses: Excuses = {
    lost: new Set(),
    sacrificed: new Set(),
    recipes: new Map(),
    hopeless: new Set(),
    foreign: new Set(),
    ambiguous: new Set(),
    poweredOff: new Set(),
    changedAt: new Map(),
    restoredAt: undefined,
    clockJumped: false,
  };
  readonly #world: World;
  readonly #beats = new Map<string, number>();
  readonly #latestBeat = new Map<string, number>();
  readonly #told = new Map<string, number>();
  /** When a machine was last switched on or off, or removed: monotonic ms. */
  readonly #movedAt = new Map<string, number>();
  #beatsTroubledAt = -Infinity;
  #calmSince = Infinity;

  constructor(world: World) {
    this.#world = world;
    world.onCreate = (host, contract) => this.#onCreate(host, contract);
    world.backend.onChange((machine) => this.#onMachine(machine));
    world.onRoutes = (problem) => this.#onRoutes(problem);
    world.platform.onExchange(({ request, outcome }) => this.#onExchange(request, outcome));
  }

  blame(rule: string, text: string): void {
    if (this.violations.length < 20) this.violations.push({ rule, at: this.#world.time.monotonic(), text });
  }

  /** The heartbeat lane may have been held up from outside until now. */
  troubleBeats(): void {
    this.#beatsTroubledAt = this.#world.time.monotonic();
  }

  /** From now on every list can be read. */
  calm(): void {
    this.#calmSince = this.#world.time.monotonic();
  }

  /** What must hold at any moment and is not seen in a single call. */
  check(): void {
    const now = this.#world.time.monotonic();
    if (!this.#world.platformReachable) this.troubleBeats();
    if (now - this.#beatsTroubledAt < SILENCE_MS) return;
    for (const host of this.#world.hosts) {
      const { process, agentKey, bootedAt } = host;
      if (Math.abs(host.wallOffset) > 240_000) this.troubleBeats();
      if (process === undefined || process.agent === undefined || now - bootedAt < SILENCE_MS) continue;
      if (now - this.#beatsTroubledAt < SILENCE_MS) continue;
      this.#checkLocks(host);
      const last = this.#beats.get(agentKey) ?? -Infinity;
      if (now - last > SILENCE_MS)
        this.blame('heartbeat', `${host.name} has not been heard of for ${Math.round((now - last) / 1000)} s`);
    }
  }

  /** Work on a contract goes on only under its lock, however long it takes. */
  #checkLocks(host: Host): void {
    const now = this.#world.time.monotonic();
    if (now - this.#beatsTroubledAt < LOCK_MS || now - host.bootedAt < LOCK_MS || host.wallOffset !== 0) return;
    // A platform that was restored has forgotten locks, and who holds one hears of that with the next renewal.
    if (now - (this.excuses.restoredAt ?? -Infinity) < LOCK_MS) return;
    for (const { contract, record, state } of host.process?.agent?.workers.values() ?? []) {
      if (record.goal !== 'deliver' || (state.doing !== 'create' && state.doing !== 'verify')) continue;
      const row = this.#world.platform.contracts.get(contract);
      const lock = this.#world.platform.locks.get(contract);
      const held = lock !== undefined && lock.agent === host.agentKey && lock.expiresAt > this.#world.time.now();
      if (held || row === undefined || !OPEN.has(row.status) || LIVE.has(row.status) || this.#isNews(contract))
        continue;
      this.blame(
        'the lock is held while a machine is made',
        `${host.name} goes on with ${short(contract)} without its lock`,
      );
    }
  }

  /** What the disks hold at the end: whole chains, and nothing called up that did not answer at that very moment. */
  checkUptime(): void {
    for (const host of this.#world.hosts) {
      for (const [contract, text] of uptimeTexts(host.disk)) {
        // A power cut took it before its first line was safe.
        if (text === '') continue;
        const of = `${host.name}: the uptime log of ${short(contract)}`;
        const { flaws, samples } = verify(text, (key, what, signature) => signature === cheapAttest(key, what));
        const [flaw] = flaws.filter(({ kind }) => kind !== 'unsigned');
        if (flaw !== undefined) this.blame('the uptime log is whole', `${of}, line ${flaw.line}: ${flaw.text}`);
        const invented = samples.find(({ state, at }) => state === 'up' && !host.answered.has(at));
        if (invented !== undefined) this.blame('no uptime that was not seen', `${of} claims it for ${invented.at}`);
      }
    }
  }

  /** At every change of a route or of a machine: no port leads to a machine of another contract. */
  #checkRoutes(): void {
    if (this.#world.routing === undefined) return;
    for (const { kernel, name } of this.#world.hosts) {
      for (const { contract, firstPort, machine } of kernel.routes) {
        const owner = this.#world.ownerOf(`${machine.ipv4}:${machine.sshPort}`);
        // Whoever takes a machine away from outside sets its address free, and nobody hears of that at once.
        if (owner === undefined || owner === contract || this.excuses.lost.has(contract)) continue;
        this.blame(
          'no port leads to the wrong tenant',
          `${name}: port ${firstPort} of ${short(contract)} leads to the machine of ${short(owner)}`,
        );
      }
    }
  }

  #onRoutes(problem: string | undefined): void {
    if (problem !== undefined && !this.#clockJumped())
      this.blame('a port is one tenant’s, and rests before it is another’s', problem);
    this.#checkRoutes();
  }

  /** What is recorded under a wrong clock ends early or late. */
  #clockJumped(): boolean {
    return this.excuses.clockJumped;
  }

  #onMachine(machine: SeenMachine): void {
    this.#checkRoutes();
    this.#movedAt.set(machine.contract ?? '', this.#world.time.monotonic());
    if ((machine.scripts?.length ?? 0) > 1)
      this.blame('a script is run once', `${machine.scripts?.length} runs in machine ${machine.id}`);
    if (this.#world.intervening) return;
    const owner = this.#world.hosts.find((host) => host.agentKey === machine.agent);
    const contract = machine.contract ?? '';
    if (machine.state !== 'deleting' && machine.state !== 'stopping') return;
    if (owner === undefined) return this.blame('only our own', `machine ${machine.id}, not ours, is ${machine.state}`);
    const row = this.#world.platform.contracts.get(contract);
    if (row === undefined || !this.#isHandedOver(row, machine.id)) return;
    if (machine.state === 'stopping' && row.status === 'paused') return;
    if (this.#world.time.monotonic() - this.#world.liedAt < NEWS_MS) return this.#sacrifice(contract);
    if (this.#isNews(contract)) return;
    this.blame(
      'nothing live is harmed',
      `machine ${machine.id} of contract ${short(contract)} (${row.status}) is ${machine.state}`,
    );
  }

  #isHandedOver(row: Contract, machine: string): boolean {
    const live = LIVE.has(row.status) && row.endAt > this.#world.time.now();
    return live && row.details !== undefined && JSON.parse(row.details).external_id === machine;
  }

  #isNews(contract: string): boolean {
    const { changedAt, restoredAt } = this.excuses;
    const at = Math.max(changedAt.get(contract) ?? -Infinity, restoredAt ?? -Infinity);
    return this.#world.time.monotonic() - at < NEWS_MS;
  }

  /** A few ends at once must be believed; many must not. */
  #sacrifice(contract: string): void {
    const { sacrificed, restoredAt } = this.excuses;
    sacrificed.add(contract);
    // A platform that was restored to an earlier day counts as alive what ended since, and has made anew what it had forgotten.
    if (restoredAt !== undefined) return;
    const handedOver = [...this.#world.platform.contracts.values()].filter((row) => LIVE.has(row.status)).length;
    const limit = Math.max(5, 0.2 * handedOver);
    if (sacrificed.size > limit * this.#world.hosts.length) {
      this.blame(
        'mass action trips the breaker',
        `${sacrificed.size} of ${handedOver} live machines were ended on a sick platform's word`,
      );
    }
  }

  #onCreate(owner: Host, contract: string): void {
    const row = this.#world.platform.contracts.get(contract);
    const lock = this.#world.platform.locks.get(contract);
    const held = lock !== undefined && lock.agent === owner.agentKey && lock.expiresAt > this.#world.time.now();
    const open = row !== undefined && (row.status === 'accepted' || row.status === 'provisioning');
    if (!held && open && !this.#isNews(contract)) {
      this.blame(
        'creates hold the lock',
        `${owner.name} makes a machine for ${short(contract)} without holding its lock`,
      );
    }
    if (this.excuses.foreign.has(contract))
      this.blame('foreign kinds are left alone', `a machine was made for ${short(contract)}`);
  }

  #onExchange(
    request: Exchange['request'],
    { response: { status, body }, transport, delayMs }: Exchange['outcome'],
  ): void {
    const call = callOf(request.method, request.path);
    const key = request.headers['x-agent-pubkey'] ?? '';
    if (call === 'heartbeat') {
      if (status === 200) this.#beats.set(key, this.#world.time.monotonic());
      // One that was given up and is processed late says what was true when it was sent: nobody can take that back.
      const sentAt = Number(request.headers['x-timestamp']);
      if (sentAt < (this.#latestBeat.get(key) ?? 0)) return;
      this.#latestBeat.set(key, sentAt);
      this.#onBandwidth(key, request.body);
      return;
    }
    if (call === 'health') this.#onHealth(request.path, request.body);
    if (call === 'reconcile' && status === 200 && transport === 'deliver') this.#onWord(body);
    if (call !== 'lock' && call !== 'report') return;
    const contract = /[0-9a-f]{64}(?=\/(?:lock|provisioning)$)/.exec(request.path)?.[0] ?? '';
    if (this.excuses.foreign.has(contract))
      this.blame('foreign kinds are left alone', `${call} for ${short(contract)}`);
    if (call === 'report' && (transport !== 'deliver' || delayMs > 0 || status !== 200))
      this.excuses.ambiguous.add(contract);
    if (call === 'report') this.#onReport(contract, request.body, key);
  }

  /** An answer from a stale cache says that a machine is to be paused which was resumed long ago: nobody can tell. */
  #onWord(body: string): void {
    const [, paused = ''] = /"pause":\[([^\]]*)\]/.exec(body) ?? [];
    for (const [, contract = ''] of paused.matchAll(/"contractId":"([0-9a-f]{64})"/g)) {
      const row = this.#world.platform.contracts.get(contract);
      if (row !== undefined && row.status !== 'paused')
        this.excuses.changedAt.set(contract, this.#world.time.monotonic());
    }
  }

  /** Whoever answers at the address that a machine had is not the machine. */
  #onHealth(path: string, body: string): void {
    const contract = /[0-9a-f]{64}(?=\/health$)/.exec(path)?.[0] ?? '';
    const { status, checkedAt }: { status: string; checkedAt: number } = JSON.parse(body);
    const { time, platform } = this.#world;
    if (status !== 'healthy' || this.excuses.clockJumped) return;
    const at = checkedAt / 1e6 - time.now() + time.monotonic();
    const moved = [this.#calmSince, this.excuses.changedAt.get(contract) ?? 0, this.#movedAt.get(contract) ?? 0];
    if (at < Math.max(...moved) + LIST_MS) return;
    if (this.#world.machinesOf(contract).some((id) => this.#world.machine(id)?.state === 'running')) return;
    if (this.#isUsurped(contract) || platform.contracts.get(contract) === undefined) return;
    this.blame('health is true', `${short(contract)} is said to be well, and none of its machines runs`);
  }

  /** In a cloud somebody can make a machine his own; it is the same one, and shows its host key. */
  #isUsurped(contract: string): boolean {
    const { backend, platform } = this.#world;
    if (backend.type === 'sandbox' || backend.type === 'proxmox') return false;
    const details: { external_id?: string } = JSON.parse(platform.contracts.get(contract)?.details ?? '{}');
    const machine = this.#world.machine(details.external_id ?? '');
    return machine?.state === 'running' && machine.contract === undefined;
  }

  /** What the platform is told of traffic only grows, and is never more than what moved. */
  #onBandwidth(key: string, body: string): void {
    const kernel = this.#world.hosts.find((host) => host.agentKey === key)?.kernel;
    const beat: { bandwidthStats?: { contractId: string; bytesIn: number; bytesOut: number }[] } = JSON.parse(body);
    for (const { contractId, bytesIn, bytesOut } of beat.bandwidthStats ?? []) {
      const before = this.#told.get(`${key} ${contractId}`) ?? 0;
      const moved = kernel?.moved.get(contractId) ?? 0;
      if (bytesIn < before || bytesIn > moved || bytesOut > moved / 2)
        this.blame(
          'traffic only grows',
          `${short(contractId)}: ${bytesIn} bytes, told before ${before}, moved ${moved}`,
        );
      this.#told.set(`${key} ${contractId}`, bytesIn);
    }
  }

  #onReport(contract: string, body: string, key: string): void {
    const row = this.#world.platform.contracts.get(contract);
    if (row === undefined) return;
    const report: { status?: string; instanceDetails?: string } = JSON.parse(body);
    if (report.status === 'provisioning_failed' && row.status === 'provisioningfailed') {
      const age = this.#world.time.now() - row.createdAt;
      // A script that the story's own power cut ended has failed, and nobody can know how far it came.
      const cutOff = this.excuses.recipes.has(contract) && this.excuses.poweredOff.has(contract);
      const { hopeless, lost } = this.excuses;
      const excused = hopeless.has(contract) || lost.has(contract) || cutOff || age >= 50 * 60_000;
      if (!excused)
        this.blame(
          'only final errors are reported as failed',
          `${short(contract)} was failed after ${Math.round(age / 1000)} s: ${row.failureReason}`,
        );
    }
    if (
      report.status !== 'provisioned' ||
      row.details !== report.instanceDetails ||
      row.completedAt !== this.#world.time.now()
    )
      return;
    const machine = this.#world.machine(JSON.parse(report.instanceDetails ?? '{}').external_id);
    const right = machine?.contract === contract && machine.agent === key;
    if (right && !this.#isNews(contract)) this.#checkTold(contract, JSON.parse(report.instanceDetails ?? '{}'));
    const excused = this.excuses.lost.has(contract) || this.#isNews(contract);
    if (!right && !excused)
      this.blame('what is handed over exists', `${short(contract)} was reported without its machine`);
    if (right) this.#onHandOver(contract, machine);
    const boot = machine?.cloudInit ?? 'done';
    if (right && boot !== 'done' && !excused && !`${report.instanceDetails}`.includes('cloud-init '))
      this.blame(
        'a first boot that is not well is told',
        `${short(contract)} was reported, and its cloud-init: ${boot}`,
      );
    const answers = this.#world.isAnswering(machine) && machine?.keys.includes(keyOf(row)) === true;
    if (right && !answers && !excused && !this.excuses.poweredOff.has(contract))
      this.blame('what is handed over works', `${short(contract)} was reported before a login works`);
  }

  /** What nobody may find in a machine that was just handed over. */
  #onHandOver(contract: string, machine: SeenMachine): void {
    const { limitedKeys = [], scripts = [], keys, forged } = machine;
    if (limitedKeys.some((key) => keys.includes(key)))
      this.blame('no key of ours stays', `${short(contract)} was reported with the agent's key in its machine`);
    if (forged === true)
      this.blame('who answers is known', `${short(contract)} was reported while another one answers`);
    const recipe = this.excuses.recipes.get(contract);
    if (recipe === undefined || this.excuses.lost.has(contract)) return;
    const [run] = scripts;
    if (run === undefined || run.endsAt > this.#world.time.monotonic())
      this.blame('what is sold is deployed', `${short(contract)} was reported before its script had ended`);
    if (recipe.hopeless && !this.excuses.poweredOff.has(contract))
      this.blame('a deployment that failed is not handed over', `${short(contract)} was reported all the same`);
  }

  /** A tenant who is told of ports finds the machine behind them, unless somebody has bent the table since they were proved. */
  #checkTold(contract: string, details: Record<string, unknown>): void {
    const { routing, hosts, time } = this.#world;
    if (routing?.policy !== 'required') return;
    const kernel = hosts.find((host) => host.kernel.publicIp === details['public_ip'])?.kernel;
    if (kernel === undefined)
      return this.blame('what is handed over is reached', `${short(contract)} has no public address`);
    if (time.monotonic() - kernel.disturbedAt < NEWS_MS) return;
    const door = kernel.leadsTo(Number(details['gateway_ssh_port']));
    if (door === undefined || this.#world.ownerOf(door) !== contract)
      this.blame('what is handed over is reached', `${short(contract)} was reported before its ports were open`);
  }

  /** Why the world is not at rest yet; empty when it is. */
  unsettled(): string[] {
    const found: string[] = [];
    const { restoredAt } = this.excuses;
    for (const row of this.#world.platform.contracts.values()) {
      if (!this.excuses.foreign.has(row.id)) found.push(...this.#unsettledContract(row));
    }
    for (const machine of this.#world.backend.machines()) {
      const contract = machine.contract;
      const ours = this.#world.hosts.some((host) => host.agentKey === machine.agent);
      // What a restored platform has forgotten is kept: not knowing is no reason to destroy anything.
      if (ours && restoredAt === undefined && !this.#world.platform.contracts.has(contract ?? ''))
        found.push(`machine ${machine.id} is of no contract`);
    }
    for (const host of this.#world.hosts) found.push(...this.#unsettledHost(host));
    return found;
  }

  /** Paused contracts whose ports lead nowhere: whoever resumes one must find it as it was. */
  pausedBehindClosedPorts(): string[] {
    const { routing, platform, hosts } = this.#world;
    if (routing === undefined) return [];
    const open = new Set<string>(hosts.flatMap(({ kernel }) => kernel.routes.map(({ contract }) => contract)));
    const paused = [...platform.contracts.values()].filter(({ status }) => status === 'paused');
    return paused.map(({ id }) => id).filter((id) => !open.has(id) && !this.excuses.lost.has(id));
  }

  #unsettledContract(row: Contract): string[] {
    const { lost, sacrificed, restoredAt, ambiguous } = this.excuses;
    const name = `${short(row.id)} (${row.status})`;
    const machines = this.#world.machinesOf(row.id);
    const now = this.#world.time.now();
    const held = this.#world.platform.locks.get(row.id);
    const found: string[] = [];
    if (held !== undefined && held.expiresAt > now) found.push(`${name} is locked`);
    const live = OPEN.has(row.status) && row.endAt > now;
    if (!live) {
      const told = row.status !== 'cancelled' || row.details === undefined || row.terminatedAt !== undefined;
      if (!told && !lost.has(row.id) && !sacrificed.has(row.id) && restoredAt === undefined)
        found.push(`${name}: the platform was not told that its machine is gone`);
      const seen = lost.has(row.id) ? machines.filter((id) => this.#world.machine(id)?.state !== 'creating') : machines;
      if (seen.length > 0) found.push(`${name} is over and has machines ${seen.join(', ')}`);
      return found;
    }
    // Nothing can be asked for a machine that others took away.
    if (sacrificed.has(row.id) || lost.has(row.id)) return found;
    if (!LIVE.has(row.status)) return [...found, `${name} was not handed over`];
    // An agent cannot see that a pool mate made another one while the platform had forgotten the first.
    const undecidable = restoredAt !== undefined || ambiguous.has(row.id);
    if (machines.length > 1 && undecidable && this.#world.hosts.length > 1) return found;
    if (machines.length !== 1) return [...found, `${name} has ${machines.length} machines`];
    return [...found, ...this.#wrongMachine(row, machines[0] ?? '')];
  }

  #wrongMachine(row: Contract, id: string): string[] {
    const machine = this.#world.machine(id);
    if (machine === undefined) return [`${short(row.id)} has no machine ${id}`];
    const found: string[] = [];
    const details = JSON.parse(row.details ?? '{}');
    if (details.external_id !== id)
      found.push(`${short(row.id)}: the tenant was told of machine ${details.external_id}, not ${id}`);
    const told =
      this.#world.routing === undefined
        ? `${details.ip_address}:${details.ssh_port}`
        : this.#world.hosts
            .find(({ kernel }) => kernel.publicIp === details.public_ip)
            ?.kernel.leadsTo(details.ssh_port);
    found.push(...this.#wrongRoute(row, details));
    // Ports that were closed while a removal was believed are opened when the machine runs again: see `pausedBehindClosedPorts`.
    const closed = this.#world.routing !== undefined && row.status === 'paused' && told === undefined;
    if (told !== machine.door && !closed)
      found.push(`${short(row.id)}: the tenant was told of ${told}, not ${machine.door}`);
    const wanted = row.status === 'paused' ? 'stopped' : 'running';
    if (machine.state !== wanted) found.push(`${short(row.id)} (${row.status}): its machine is ${machine.state}`);
    // A restored platform may have forgotten a rotation, or that a password was handed over.
    if (this.excuses.restoredAt !== undefined) return found;
    if (machine.keys.join() !== keyOf(row))
      found.push(`${short(row.id)}: its machine does not accept exactly the tenant's key`);
    if (!machine.hasPassword(toldPassword(row)))
      found.push(`${short(row.id)}: the tenant was told another password than its machine has`);
    if (row.status === 'paused') return found;
    const { cannot } = this.#world.backend;
    if (row.rotationKey !== undefined && !cannot?.has('keys'))
      found.push(`${short(row.id)}: its tenant still waits for a new key`);
    const serves = !cannot?.has('passwords');
    if (serves && row.resetRequestedAt !== undefined && this.#world.platform.quirks.passwordResetListFails === false)
      found.push(`${short(row.id)}: its tenant still waits for a new password`);
    return found;
  }

  /** What the tenant was told of ports and names. */
  #wrongRoute(row: Contract, details: Record<string, unknown>): string[] {
    const { routing } = this.#world;
    if (routing === undefined) return [];
    const { gateway_ssh_port: port, gateway_port_range_start: first, gateway_port_range_end: last } = details;
    const { gateway_slug: slug, gateway_subdomain: name, ssh_port: sshPort } = details;
    const found: string[] = [];
    const odd = port !== sshPort || port !== first || Number(last) - Number(first) + 1 !== routing.range.perMachine;
    if (odd || row.lifted.gateway_slug !== slug)
      found.push(`${short(row.id)}: its tenant was told of odd ports ${JSON.stringify(details)}`);
    if (routing.dns === 'none' ? name !== undefined : typeof name !== 'string' || !name.startsWith(`${String(slug)}.`))
      found.push(`${short(row.id)}: its tenant was told of the name ${String(name)}`);
    const names = this.#world.platform.state.dns.filter((one) => one.name === name);
    if (
      routing.dns === 'platform' &&
      this.excuses.restoredAt === undefined &&
      names.map(({ ip }) => ip).join() !== details['public_ip']
    )
      found.push(`${short(row.id)}: its name leads to ${names.map(({ ip }) => ip).join()}`);
    return found;
  }

  /** Ports and names of what is over. */
  #leakedRoutes(host: Host): string[] {
    const { routing, platform } = this.#world;
    if (routing === undefined) return [];
    const records = host.process?.ledger?.records;
    const isOver = (contract: string): boolean => {
      const record = [...(records?.values() ?? [])].find((one) => one.contract === contract);
      return record === undefined || record.closedAt !== undefined;
    };
    const ports = host.kernel.routes
      .filter(({ contract }) => isOver(contract))
      .map(({ contract, firstPort }) => `${host.name}: port ${firstPort} of ${short(contract)} is still open`);
    for (const { contract, firstPort, machine } of host.kernel.routes) {
      const owner = this.#world.ownerOf(`${machine.ipv4}:${machine.sshPort}`);
      if (owner !== undefined && owner !== contract)
        ports.push(`${host.name}: port ${firstPort} of ${short(contract)} leads to the machine of ${short(owner)}`);
    }
    if (routing.dns !== 'platform' || this.excuses.restoredAt !== undefined) return ports;
    const open = new Set(
      [...(records?.values() ?? [])].flatMap(({ closedAt, route }) =>
        closedAt === undefined && route !== undefined ? [route.slug] : [],
      ),
    );
    const names = platform.state.dns
      .filter(({ name }) => name.includes(`.${dcIdOf(host.index)}.`) && !open.has(name.slice(0, 6)))
      .map(({ name }) => `${host.name}: the name ${name} is still there`);
    return [...ports, ...names];
  }

  #unsettledHost(host: Host): string[] {
    const { process, agentKey } = host;
    if (process?.ledger === undefined || process.agent === undefined) return [`${host.name} is down`];
    const found: string[] = [];
    found.push(...this.#leakedRoutes(host));
    if (process.ledger.quarantined.size > 0) found.push(`${host.name} has quarantined contracts`);
    for (const record of process.ledger.records.values()) {
      if (record.closedAt !== undefined) continue;
      const row = this.#world.platform.contracts.get(record.contract);
      if (row === undefined && this.excuses.restoredAt !== undefined) continue;
      const live = row !== undefined && OPEN.has(row.status) && row.endAt > this.#world.time.now();
      const name = `${host.name}: the record of ${short(record.contract)}`;
      const excused = this.excuses.lost.has(record.contract) || this.excuses.sacrificed.has(record.contract);
      if (live && !excused && record.goal === 'remove') found.push(`${name} waits to be removed (${record.reason})`);
      // A VMID that a stranger took, whom our token cannot see, is never called free: that is for people to look at.
      const isLost = this.excuses.lost.has(record.contract);
      const unseen = isLost && this.#world.backend.type === 'proxmox';
      // Handed over once, forgotten by a restored platform, and without room for another machine: it waits for the end of its paid time.
      const waits = isLost && this.excuses.restoredAt !== undefined && record.goal === 'keep';
      if (!live && !unseen && !waits)
        found.push(`${name} is still open (${record.goal}${record.reason === undefined ? '' : ` ${record.reason}`})`);
      else if (live && record.running !== undefined && !this.excuses.lost.has(record.contract))
        found.push(`${name} is in the middle of ${record.running.step}`);
      if (record.sealedPassword !== undefined) found.push(`${name} still owes a password`);
    }
    for (const machine of this.#world.backend.machines()) {
      const contract = machine.contract;
      if (machine.agent !== agentKey || contract === undefined) continue;
      // Half a clone that its host's end cut off: no token may remove it, and `doctor` tells of it.
      if (machine.state === 'creating' && this.excuses.lost.has(contract)) continue;
      const record = [...process.ledger.records.values()].find((one) => one.contract === contract);
      if (record === undefined || record.closedAt !== undefined)
        found.push(`${host.name} has machine ${machine.id} without an open record`);
    }
    return found;
  }
}

export function short(contract: string): string {
  return contract.slice(0, 8);
}

/** The tenant's key as it stands in a machine: without its comment. */
function keyOf(row: Contract): string {
  return row.sshKey.trim().split(/\s+/, 2).join(' ');
}

/** What the tenant's envelope holds, if there is one. */
function toldPassword({ envelope }: Contract): string | undefined {
  return envelope === undefined ? undefined : JSON.parse(envelope).password;
}
