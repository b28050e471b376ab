import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { type Bench, provisionerConformance, sampleOrder } from '../../src/provisioner/conformance.ts';
import type { ExternalId } from '../../src/provisioner/index.ts';
import { AGENT, Workbench } from './fixtures.ts';

// The kit over the example that keeps machines as files: it proves the plugin, and that a provider can start from the example.
provisionerConformance({ name: 'script with a list', open: () => open(true), describe, test });
provisionerConformance({ name: 'script without a list', open: () => open(false), describe, test });

const EXAMPLE = join(import.meta.dirname, '../../examples/script/files.mjs');
const STRANGER = JSON.stringify({ contract_id: null, operation_id: null, status: 'running' });

async function open(withList: boolean): Promise<Bench> {
  const bench = new Workbench();
  const machines = bench.path('machines');
  mkdirSync(machines);
  const example = `DC_FILES_DIR='${machines}' exec '${process.execPath}' '${EXAMPLE}'`;
  const script = (...faults: string[]): string =>
    bench.script([`[ ! -e '${bench.path('silent')}' ] || exec sleep 1000`, ...faults, example].join('\n'));
  /** What happens instead of a run, once, after the fault was called. */
  const once = (fault: string, then: string): string => `if rm '${bench.path(fault)}' 2>/dev/null; then ${then}; fi`;
  const fault = (name: string) => async () => writeFileSync(bench.path(name), '');
  const refusal = JSON.stringify({ success: false, error: 'no room', retry_possible: true });

  const provisioner = await bench.open({
    provision: script(
      once('lose-answer', `(${example}) >/dev/null; exit 1`),
      once('lose-request', 'exit 1'),
      once('refuse', `echo '${refusal}'; exit 0`),
      once('deny', `(${example}) >/dev/null; echo '${refusal}'; exit 0`),
    ),
    terminate: script(once('ignore', `echo '{"success":true}'; exit 0`)),
    health_check: script(),
    start: script(),
    stop: script(),
    ...(withList
      ? {
          list: script(
            once('partial', `echo '{"success":true,"instances":[],"complete":false}'; exit 0`),
            once('empty', `echo '{"success":true,"instances":[]}'; exit 0`),
          ),
        }
      : {}),
  });

  const fileOf = (id: string): string => join(machines, `${id}.json`);
  const read = (id: string): { contract_id: string | null } => JSON.parse(readFileSync(fileOf(id), 'utf8'));
  const all = (): string[] => readdirSync(machines).flatMap((name) => /^(.*)\.json$/.exec(name)?.[1] ?? []);
  const nextId = (): ExternalId => `vm-${randomBytes(8).toString('hex')}` as ExternalId;
  return {
    provisioner,
    order: (overrides) => sampleOrder(AGENT, overrides),
    count: async ({ contract }) => all().filter((id) => read(id).contract_id === contract).length,
    // Without a list nobody tells the operation, and nothing can be searched.
    ...(withList ? {} : { stampHoldsOperation: false, searchable: false }),
    foreign: {
      async add() {
        const id = nextId();
        writeFileSync(fileOf(id), STRANGER);
        return id;
      },
      exists: async (id) => existsSync(fileOf(id)) && read(id).contract_id === null,
    },
    faults: {
      loseCreateAnswer: fault('lose-answer'),
      loseCreateRequest: fault('lose-request'),
      refuseCreate: fault('refuse'),
      denyCreate: fault('deny'),
      ignoreDestroy: fault('ignore'),
      ...(withList ? { partialList: fault('partial'), emptyList: fault('empty'), duplicate } : {}),
      async unreachable() {
        const hidden = `${bench.directory}-hidden`;
        renameSync(bench.directory, hidden);
        return async () => renameSync(hidden, bench.directory);
      },
      async silent() {
        writeFileSync(bench.path('silent'), '');
        return async () => rmSync(bench.path('silent'));
      },
      loseMachine: async (id) => rmSync(fileOf(id)),
      powerOff: async (id) => writeFileSync(fileOf(id), JSON.stringify({ ...read(id), status: 'stopped' })),
      giveIdToStranger: async (id) => writeFileSync(fileOf(id), STRANGER),
    },
    cleanup: async () => bench.cleanup(),
  };

  async function duplicate(id: ExternalId): Promise<ExternalId> {
    const twin = nextId();
    copyFileSync(fileOf(id), fileOf(twin));
    return twin;
  }
}
