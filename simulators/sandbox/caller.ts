import type { Random } from '../../src/ports/random.ts';
import { type MovableClock, manualClock } from '../platform/manual-clock.ts';
import type { MachineView, SandboxAnswer } from './api.ts';
import { createSandboxCore, type SandboxCore, type SandboxCoreInput } from './core.ts';

export interface Caller {
  readonly core: SandboxCore;
  readonly clock: MovableClock;
  /** One call; `json` is the parsed body. */
  call(method: string, path: string, body?: object | string): SandboxAnswer & { readonly json: Body };
  /** Makes a machine and waits until it stands there, off. */
  machine(order?: object): MachineView;
  /** Makes a machine that runs and has booted. */
  running(order?: object): MachineView;
  get(id: string): MachineView;
}

/** What an answer may hold; the tests read what they expect. */
export interface Body extends Partial<MachineView> {
  readonly error?: { readonly code: string; readonly message: string };
  readonly complete?: boolean;
  readonly machines?: readonly (MachineView & { readonly bytes_in: number; readonly bytes_out: number })[];
  readonly memory_free_mb?: number;
  readonly disk_free_gb?: number;
  readonly machines_free?: number;
}

export const ORDER = { name: 'one', labels: { who: 'me' }, cpu_cores: 1, memory_mb: 512, disk_gb: 10 };

/** Longer than anything takes by default. */
const LONG_MS = 5_000;

/** A sandbox under a clock that stands still, and a hand to call it. */
export function createCaller(input: Partial<SandboxCoreInput> = {}): Caller {
  const clock = manualClock();
  const core = createSandboxCore({ clock, random: countingRandom(), ...input });
  const call: Caller['call'] = (method, path, body) => {
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const answer = core.handle({ method, path, ...(text === undefined ? {} : { body: text }) });
    return { ...answer, json: parse(answer.body) };
  };
  const get = (id: string): MachineView => viewOf(call('GET', `/machines/${id}`).json);
  const machine = (order: object = {}): MachineView => {
    const { json } = call('POST', '/machines', { ...ORDER, ...order });
    clock.advance(LONG_MS);
    return get(viewOf(json).id);
  };
  return {
    core,
    clock,
    call,
    machine,
    get,
    running(order) {
      const { id } = machine(order);
      call('POST', `/machines/${id}/start`);
      clock.advance(LONG_MS);
      return get(id);
    },
  };
}

function parse(text: string): Body {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function viewOf(body: Body): MachineView {
  if (body.id === undefined) throw new Error(`no machine: ${JSON.stringify(body)}`);
  return body as MachineView;
}

function countingRandom(): Random {
  let count = 0;
  return {
    float: () => 0.5,
    bytes: (length) => new Uint8Array(length),
    uuid: () => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`,
  };
}
