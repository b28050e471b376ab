import type { Contract } from '../../simulators/platform/state.ts';
import { defaultPolicy } from '../../src/lifecycle/index.ts';
import { type ContractId, parseContractId } from '../../src/ports/ids.ts';
import { type Log, silentLog } from '../../src/ports/log.ts';
import { BACKENDS, type BackendName } from './backends.ts';
import { recipeFor, type StoryRecipe } from './recipes.ts';
import { Rules, short, type Violation } from './rules.ts';
import type { Action, Story } from './story.ts';
import { type Host, SSH_KEY, sshKey, World } from './world.ts';

export interface Outcome {
  readonly violations: readonly Violation[];
  /** `step × fault` pairs that came up. */
  readonly coverage: ReadonlySet<string>;
  readonly contracts: number;
  readonly virtualMs: number;
}

export interface TellOptions {
  /** Default: the sandbox. */
  readonly backend?: BackendName;
  readonly log?: Log;
  /** Handed the world before it begins to move. */
  readonly onWorld?: (world: World) => void;
  /** Told of each scene, for a readable time line. */
  readonly onScene?: (text: string) => void;
}

const CHECK_EVERY_MS = 20_000;
/** A machine takes a minute or two; what went wrong before may make an agent wait a few minutes longer. */
const SERVE_MS = 15 * 60_000;
/**
 * Longer than any back-off, lock, deadline and breaker of the agent together. Orders that can never be met hold their room for most
 * of an hour, and others wait for that room, one after the other.
 */
const SETTLE_MS = 180 * 60_000;

/** Plays one story in a fresh world and says which rules were broken. */
export async function play(story: Story, options: TellOptions = {}): Promise<Outcome> {
  return new Performance(story, options).play();
}

class Performance {
  readonly #story: Story;
  readonly #options: TellOptions;
  readonly #world: World;
  readonly #rules: Rules;
  readonly #coverage = new Set<string>();
  readonly #contracts = new Map<number, Contract['id']>();
  #nodeUpAt = 0;
  readonly #strangers = new Map<string, string>();
  #rotations = 0;
  #backup: ReturnType<World['platform']['backup']> | undefined;

  constructor(story: Story, options: TellOptions) {
    this.#story = story;
    this.#options = options;
    this.#world = new World({
      seed: story.seed,
      backend: BACKENDS[options.backend ?? 'sandbox'],
      latencyMs: story.latencyMs,
      createMs: story.createMs,
      bootMs: story.bootMs,
      maxMachines: story.maxMachines,
      reuseIds: story.reuseIds,
      snapshotAfter: story.snapshotAfter,
      weather: story.weather,
      settings: {
        maxConcurrentProvisioning: story.lanes,
        workIntervalMs: story.workIntervalMs,
        reconcileIntervalMs: story.reconcileIntervalMs,
        policy: defaultPolicy,
      },
      log: this.#watchful(options.log ?? silentLog),
    });
    this.#rules = new Rules(this.#world);
    this.#world.onFault = (host, fault) => this.#cover(host, fault);
    options.onWorld?.(this.#world);
  }

  /** A fault that the agent survives is a fault all the same. */
  #watchful(log: Log): Log {
    return {
      ...log,
      error: (fields, message) => {
        if (message.startsWith('a fault of the agent')) this.#rules.blame('the agent makes no fault', text(fields));
        // oxlint-disable-next-line house/static-log-message -- hands on what it was given
        log.error(fields, message);
      },
      child: (fields) => this.#watchful(log.child(fields)),
    };
  }

  async play(): Promise<Outcome> {
    const world = this.#world;
    const onRejection = (error: unknown): void =>
      this.#rules.blame(
        'nothing is thrown into the void',
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
    process.on('unhandledRejection', onRejection);
    try {
      for (let index = 0; index < this.#story.hosts; index++) world.boot(world.addHost());
      for (const { at, action } of this.#story.scenes) {
        await this.#runUntil(at);
        this.#perform(action);
      }
      await this.#runUntil(this.#story.lengthMs);
      await this.#settle();
      await this.#serveOneMore();
      this.#rules.checkUptime();
      // Node tells of rejections between macrotasks.
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off('unhandledRejection', onRejection);
    }
    return {
      violations: this.#rules.violations,
      coverage: this.#coverage,
      contracts: this.#contracts.size,
      virtualMs: world.time.monotonic(),
    };
  }

  async #runUntil(at: number): Promise<void> {
    const { time } = this.#world;
    while (time.monotonic() < at && this.#rules.violations.length === 0) {
      await time.advance(Math.min(CHECK_EVERY_MS, at - time.monotonic()));
      this.#rules.check();
    }
  }

  /** The troubles are over. In bounded time the world must come to rest, and stay there. */
  async #settle(): Promise<void> {
    if (this.#rules.violations.length > 0) return;
    const world = this.#world;
    this.#scene('the troubles are over');
    if (world.lies !== undefined) this.#rules.troubleBeats();
    world.clearFaults();
    this.#rules.troubleBeats();
    this.#rules.calm();
    for (const host of world.hosts) resume(host);
    await this.#comeToRest();
    const asleep = this.#rules.violations.length === 0 ? this.#rules.pausedBehindClosedPorts() : [];
    for (const contract of asleep) this.#resume(contract);
    if (asleep.length > 0) await this.#comeToRest();
    this.#strangersAreWell();
  }

  #resume(contract: Contract['id']): void {
    this.#scene(`contract ${short(contract)} is resumed at the end`);
    this.#world.platform.admin.resume(contract);
    this.#rules.excuses.changedAt.set(contract, this.#world.time.monotonic());
  }

  async #comeToRest(): Promise<void> {
    const world = this.#world;
    const end = world.time.monotonic() + SETTLE_MS;
    while (world.time.monotonic() < end && this.#rules.violations.length === 0) {
      await world.time.advance(CHECK_EVERY_MS);
      for (const host of world.hosts)
        if (host.process?.agent?.phase === 'draining' || host.process?.agent?.phase === 'drained') resume(host);
      this.#rules.check();
      if (this.#rules.unsettled().length > 0) continue;
      await world.time.advance(3 * this.#story.reconcileIntervalMs);
      if (this.#rules.unsettled().length === 0) break;
    }
    for (const text of this.#rules.unsettled()) this.#rules.blame('the world settles', text);
  }

  /**
   * Somebody rents when all is well again and there is room. Whoever serves nobody keeps every other rule: a contract that fails after
   * fifty minutes is excused, for what it went through.
   */
  async #serveOneMore(): Promise<void> {
    const world = this.#world;
    const taken = world.backend.machines().length;
    if (this.#rules.violations.length > 0 || taken >= this.#story.maxMachines) return;
    this.#scene('and one more tenant');
    const contract = world.rent();
    const end = world.time.monotonic() + SERVE_MS;
    while (contract.status !== 'active' && world.time.monotonic() < end && this.#rules.violations.length === 0) {
      await world.time.advance(CHECK_EVERY_MS);
      this.#rules.check();
    }
    if (contract.status === 'active') return;
    const reasons = world.hosts.map((host) =>
      host.process?.agent?.declined.get(parseContractId(contract.id) ?? ('' as ContractId)),
    );
    // Ports and addresses rest for an hour, so they may all be taken where hardly any machine is; and a host with three places holds
    // those that it promised to contracts which a restored platform has forgotten.
    if (reasons.some((reason) => /no free (ports?|address)/.test(reason ?? ''))) return;
    this.#rules.blame(
      'a calm world serves',
      `contract ${short(contract.id)} is ${contract.status} after a quarter of an hour; left alone because: ${reasons.join(' | ')}`,
    );
  }

  #strangersAreWell(): void {
    for (const [id, state] of this.#strangers) {
      const machine = this.#world.machine(id);
      if (machine?.state !== state)
        this.#rules.blame('only our own', `somebody else's machine ${id} is ${machine?.state ?? 'gone'}`);
    }
  }

  #cover(host: Host | undefined, fault: string): void {
    if (fault.startsWith('platform')) this.#rules.troubleBeats();
    for (const { contract, record } of host?.process?.agent?.workers.values() ?? []) {
      // Died between the intent and the answer: whether the platform heard of it, it cannot know.
      if (!fault.includes(':') && record.running?.step === 'deliver') this.#rules.excuses.ambiguous.add(contract);
    }
    const doing = [...(host?.process?.agent?.workers.values() ?? [])].flatMap((worker) => worker.state.doing ?? []);
    for (const step of doing.length === 0 ? ['idle'] : doing) this.#coverage.add(`${step} × ${fault}`);
  }

  #scene(text: string): void {
    this.#options.onScene?.(text);
  }

  #perform(action: Action): void {
    if (this.#rules.violations.length > 0) return;
    this.#scene(JSON.stringify(action));
    switch (action.kind) {
      case 'rent':
        return this.#rent(action);
      case 'cancel':
      case 'extend':
      case 'pause':
      case 'resume':
      case 'lose-dispute':
      case 'expire':
      case 'rotate-key':
      case 'reset-password':
        return this.#change(action.kind, action.name);
      case 'power-off':
      case 'lose-machine':
      case 'id-to-stranger':
        return this.#harm(action.kind, action.name);
      case 'crash':
        return this.#crash(action);
      case 'stop':
        return this.#stop(action);
      case 'drain':
        return this.#during(action.host, action.forMs, drain, resume);
      case 'clock-jump':
        this.#rules.troubleBeats();
        this.#rules.excuses.clockJumped = true;
        return this.#during(
          action.host,
          action.forMs,
          (host) => void (host.wallOffset = action.byMs),
          (host) => {
            host.wallOffset = 0;
            this.#rules.troubleBeats();
          },
        );
      case 'disk-full':
        return this.#during(
          action.host,
          action.forMs,
          (host) => void (host.disk.failure = new Error('ENOSPC: no space left on device')),
          (host) => void (host.disk.failure = undefined),
        );
      case 'platform-fault':
        return this.#world.addPlatformFault(action.call, action.fault, action.skip, action.times);
      case 'backend-fault':
        return this.#world.backend.addTrouble(action.call, action.fault, action.skip, action.times);
      case 'platform-outage':
        this.#world.platformReachable = false;
        this.#world.time.after(action.forMs, () => {
          this.#world.platformReachable = true;
          this.#rules.troubleBeats();
        });
        return;
      case 'backend-outage':
        this.#world.backend.setReachable(false);
        this.#world.time.after(action.forMs, () => this.#world.backend.setReachable(true));
        return;
      case 'node-down':
        return this.#nodeDown(action.forMs);
      case 'platform-lies':
        return this.#lie(action.forMs);
      case 'platform-backup':
        this.#backup = this.#world.platform.backup();
        return;
      case 'platform-restore':
        return this.#restore();
      case 'foreign-machine':
        return this.#addStranger();
      case 'guest-lies':
        return this.#guestLies(action);
    }
  }

  #rent({ name, hours, what }: Extract<Action, { kind: 'rent' }>): void {
    const sshKey = what === 'bad-key' ? 'ssh-ed25519 AAAA' : SSH_KEY;
    const offering = what === 'foreign-type' ? this.#world.foreignOffering : this.#world.offering;
    const recipe = what === 'ours' ? this.#recipeOf(name) : undefined;
    const sold = recipe === undefined ? offering : this.#world.offeringWith(recipe);
    const contract = this.#world.rent({ hours, sshKey, offering: sold });
    if (recipe !== undefined) this.#rules.excuses.recipes.set(contract.id, recipe);
    if (recipe?.hopeless) this.#rules.excuses.hopeless.add(contract.id);
    if (recipe?.forged) this.#forge(contract.id);
    this.#contracts.set(name, contract.id);
    if (what === 'bad-key') this.#rules.excuses.hopeless.add(contract.id);
    if (what === 'foreign-type') this.#rules.excuses.foreign.add(contract.id);
    this.#scene(`  contract ${short(contract.id)}`);
  }

  #recipeOf(name: number): StoryRecipe | undefined {
    const { backend = 'sandbox' } = this.#options;
    if (backend !== 'sandbox' && backend !== 'sandbox-ssh') return undefined;
    return recipeFor(this.#story.seed, name, backend === 'sandbox-ssh');
  }

  /** Whatever machine is made for the contract, another one answers. */
  #forge(contract: string): void {
    const { backend } = this.#world;
    backend.onChange((machine) => {
      if (machine.contract === contract && machine.forged !== true) backend.forge?.(machine.id);
    });
  }

  /** What the platform itself would refuse now does not happen: stories are cut and shuffled, and stay possible. */
  #change(
    kind: 'cancel' | 'extend' | 'pause' | 'resume' | 'lose-dispute' | 'expire' | 'rotate-key' | 'reset-password',
    name: number,
  ): void {
    const { admin, contracts } = this.#world.platform;
    const id = this.#contracts.get(name);
    if (id === undefined || !contracts.has(id)) return;
    const act = {
      cancel: () => admin.cancel(id),
      extend: () => admin.extend(id, 5),
      pause: () => admin.pause(id),
      resume: () => admin.resume(id),
      'lose-dispute': () => admin.loseDispute(id),
      expire: () => admin.expire(id),
      'rotate-key': () => admin.rotateKey(id, `${sshKey(100 + (this.#rotations++ % 100))} tenant@home`),
      'reset-password': () => admin.resetPassword(id),
    };
    try {
      act[kind]();
      this.#rules.excuses.changedAt.set(id, this.#world.time.monotonic());
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'Refusal') throw error;
      this.#scene(`  refused: ${error.message}`);
    }
  }

  #harm(kind: 'power-off' | 'lose-machine' | 'id-to-stranger', name: number): void {
    const contract = this.#contracts.get(name);
    const [machine] = contract === undefined ? [] : this.#world.machinesOf(contract);
    if (contract === undefined || machine === undefined) return;
    const { backend } = this.#world;
    // Who has an id while its machine is being made, and what becomes of it then, is the backend's own affair.
    const making = this.#world.machine(machine)?.state === 'creating';
    if (making && (backend.type === 'proxmox' || (kind === 'id-to-stranger' && backend.type !== 'sandbox'))) return;
    // Nobody gets a new machine from a node that is down.
    if (kind === 'id-to-stranger' && this.#world.time.monotonic() < this.#nodeUpAt) return;
    this.#rules.excuses.changedAt.set(contract, this.#world.time.monotonic());
    this.#world.intervening = true;
    if (kind === 'power-off') {
      this.#rules.excuses.poweredOff.add(contract);
      backend.powerOff(machine);
    } else {
      this.#rules.excuses.lost.add(contract);
      if (kind === 'lose-machine') backend.lose(machine);
      else {
        backend.giveIdToStranger(machine);
        this.#strangers.set(machine, 'running');
      }
    }
    this.#world.intervening = false;
  }

  #guestLies({ name, address, forMs }: Extract<Action, { kind: 'guest-lies' }>): void {
    const { backend, time } = this.#world;
    const contract = this.#contracts.get(name);
    const [machine] = contract === undefined ? [] : this.#world.machinesOf(contract);
    if (contract === undefined || machine === undefined || backend.lie === undefined) return;
    // Only who was handed a machine has its guest.
    if (this.#world.platform.contracts.get(contract)?.details === undefined) return;
    const [neighbour] = backend.machines().filter(({ contract: whose }) => whose !== undefined && whose !== contract);
    const claimed = {
      neighbour: () => neighbour && backend.addressOf?.(neighbour.id),
      next: () => backend.freeAddress?.(),
    };
    const said = address === 'neighbour' || address === 'next' ? claimed[address]() : address;
    if (said === undefined) return;
    this.#scene(`  machine ${machine} of contract ${short(contract)} says that it is at ${said}`);
    backend.lie(machine, said);
    time.after(forMs, () => backend.beHonest?.(machine));
  }

  #crash({ host: index, calls, when, power, downMs }: Extract<Action, { kind: 'crash' }>): void {
    const host = this.#world.hosts[index];
    if (host?.process === undefined) return;
    host.death = { power, downMs };
    host.process.killAt = { call: host.process.calls + 1 + calls, when };
  }

  #stop({ host: index, graceMs, downMs }: Extract<Action, { kind: 'stop' }>): void {
    const host = this.#world.hosts[index];
    if (host?.process === undefined) return;
    host.death = { power: false, downMs };
    void host.process.stop(graceMs);
  }

  #during(index: number, ms: number, begin: (host: Host) => void, end: (host: Host) => void): void {
    const host = this.#world.hosts[index];
    if (host === undefined) return;
    begin(host);
    this.#world.time.after(ms, () => end(host));
  }

  #nodeDown(forMs: number): void {
    const world = this.#world;
    world.intervening = true;
    for (const contract of this.#contracts.values()) {
      // A host that loses power in the middle of a clone leaves a locked half of a machine that only its administrator can see.
      const half = world.machinesOf(contract).some((id) => world.machine(id)?.state === 'creating');
      if (half && world.backend.type === 'proxmox') this.#rules.excuses.lost.add(contract);
      this.#rules.excuses.poweredOff.add(contract);
      this.#rules.excuses.changedAt.set(contract, world.time.monotonic());
    }
    world.backend.nodeDown();
    this.#nodeUpAt = Math.max(this.#nodeUpAt, world.time.monotonic() + forMs);
    world.intervening = false;
    for (const [id, state] of this.#strangers) if (state === 'running') this.#strangers.set(id, 'stopped');
    world.time.after(forMs, () => world.backend.nodeUp());
  }

  #lie(forMs: number): void {
    this.#world.lies = () => true;
    this.#world.time.after(forMs, () => void (this.#world.lies = undefined));
  }

  #restore(): void {
    if (this.#backup === undefined) return;
    const before = this.#world.platform.backup();
    this.#world.platform.restore(this.#backup);
    // What ended since the backup lives again on paper; its machine may be gone, rightly.
    for (const row of before.contracts.values()) {
      if (row.status === 'cancelled' || row.endAt <= this.#world.time.now()) this.#rules.excuses.lost.add(row.id);
    }
    this.#rules.excuses.restoredAt = this.#world.time.monotonic();
  }

  #addStranger(): void {
    this.#world.intervening = true;
    const id = this.#world.backend.addStranger();
    this.#world.intervening = false;
    this.#strangers.set(id, 'running');
  }
}

function drain(host: Host): void {
  host.process?.agent?.drain().catch(onlyFull);
}

function resume(host: Host): void {
  host.process?.agent?.resume().catch(onlyFull);
}

/** A full state directory is one of the troubles: the agent drains all the same, and stays drained when told to resume. */
function onlyFull(error: unknown): void {
  if (!(error instanceof Error) || !error.message.startsWith('ENOSPC')) throw error;
}

function text(fields: object): string {
  const error: unknown = 'error' in fields ? fields.error : undefined;
  return error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(fields);
}
