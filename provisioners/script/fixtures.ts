import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OperationOptions, operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import {
  type AgentId,
  type CallContext,
  type Clock,
  type MachineOrder,
  type Operation,
  type OwnedRef,
  type Provisioner,
  silentLog,
  systemClock,
  systemRandom,
} from '../../src/provisioner/index.ts';
import { scriptPlugin, scriptSettings } from './index.ts';

export const AGENT = 'a'.repeat(64) as AgentId;

/** A directory in which a test writes the scripts that it runs. */
export class Workbench {
  readonly directory = mkdtempSync(join(tmpdir(), 'dc-script-'));

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes an executable; one without a first line of its own is for /bin/sh. */
  script(body: string, mode = 0o755): string {
    const path = this.path(`s-${randomBytes(6).toString('hex')}`);
    writeFileSync(path, body.startsWith('#!') ? body : `#!/bin/sh\n${body}\n`);
    chmodSync(path, mode);
    return path;
  }

  /** An executable that takes its order, keeps it in `order` and prints these bytes. */
  answering(answer: string | Uint8Array, { order = '/dev/null', exit = 0 } = {}): string {
    const file = this.path(`a-${randomBytes(6).toString('hex')}`);
    writeFileSync(file, answer);
    return this.script(`cat >>'${order}'\ncat '${file}'\nexit ${exit}`);
  }

  open(settings: Record<string, unknown>, clock: Clock = systemClock): Promise<Provisioner> {
    const unused = '/nonexistent/script';
    return scriptPlugin.open(
      scriptSettings.parse({ provision: unused, terminate: unused, health_check: unused, ...settings }),
      { agent: AGENT, target: 'rack', clock, random: systemRandom, log: silentLog },
    );
  }

  cleanup(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A backend made of prepared answers, one for each action; an action without one ends with an error and says nothing. */
export class Farm {
  readonly executable: string;
  readonly #log: string;
  readonly #bench: Workbench;

  constructor(bench: Workbench, answers: Readonly<Record<string, unknown>>) {
    this.#bench = bench;
    this.#log = bench.path('orders');
    const take = `order=$(cat); printf '%s\\n' "$order" >>'${this.#log}'`;
    const action = `action=\${order#'{"action":"'}; action=\${action%%'"'*}`;
    this.executable = bench.script(`${take}\n${action}\nexec cat '${bench.directory}/answer-'"$action"`);
    for (const [name, answer] of Object.entries(answers)) this.answer(name, answer);
  }

  /** What the script prints from now on: texts and bytes as they are, anything else as JSON. */
  answer(action: string, answer: unknown): void {
    const text = typeof answer === 'string' || answer instanceof Uint8Array ? answer : JSON.stringify(answer);
    writeFileSync(this.#bench.path(`answer-${action}`), text);
  }

  open(
    optional: readonly ('list' | 'start' | 'stop')[] = [],
    more: Record<string, unknown> = {},
  ): Promise<Provisioner> {
    const keys = ['provision', 'terminate', 'health_check', ...optional];
    return this.#bench.open({ ...Object.fromEntries(keys.map((key) => [key, this.executable])), ...more });
  }

  /** The orders so far, the oldest first. */
  get orders(): readonly Record<string, unknown>[] {
    if (!existsSync(this.#log)) return [];
    const lines = readFileSync(this.#log, 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  get actions(): readonly unknown[] {
    return this.orders.map(({ action }) => action);
  }
}

export interface Attempt {
  readonly order: MachineOrder;
  readonly ref: OwnedRef;
  /** The same operation again, with all that was remembered so far. */
  op(options?: OperationOptions): Operation;
}

/** One contract's operation, as the agent would carry it through its attempts. */
export function attempt(overrides: Partial<MachineOrder> = {}): Attempt {
  const order = sampleOrder(AGENT, overrides);
  const handles: Record<string, string> = {};
  return {
    order,
    ref: { stamp: order.stamp, handles },
    op: (options = {}) =>
      operation(order.stamp, {
        ...options,
        handles: { ...handles },
        onRemember: (key, value) => {
          handles[key] = value;
          options.onRemember?.(key, value);
        },
      }),
  };
}

export function call(signal = new AbortController().signal): CallContext {
  return { signal, log: silentLog };
}
