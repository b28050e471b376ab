import { ModelDisk } from '../../test/simulation/model-disk.ts';
import { createAttestor } from '../identity/attest.ts';
import type { ContractId } from '../ports/ids.ts';
import { silentLog } from '../ports/log.ts';
import { Secret } from '../ports/secret.ts';
import { exported } from './export.ts';
import type { UptimeState } from './lines.ts';
import { UptimeLog } from './log.ts';
import { readText } from './read.ts';

export const CONTRACT = 'c0'.repeat(32) as ContractId;
export const OTHER = 'c1'.repeat(32) as ContractId;
export const DIRECTORY = '/state/uptime';
export const INTERVAL_MS = 300_000;
/** A Saturday, 00:00:00 UTC. */
export const BEGIN = 1_790_000_000_000;

export const attestor = createAttestor(new Secret('5a'.repeat(32)));
export const stranger = createAttestor(new Secret('5b'.repeat(32)));

/** The log of a process that begins now, on a disk that may have been used before. */
export function uptimeLog(
  disk: ModelDisk,
  { intervalMs = INTERVAL_MS, as = attestor, segmentLines = 8_192 } = {},
): UptimeLog {
  return new UptimeLog({ disk, directory: DIRECTORY, attestor: as, intervalMs, log: silentLog, segmentLines });
}

/** Records these states at the usual interval, the first one at `begin`. */
export async function recordAll(log: UptimeLog, states: readonly UptimeState[], begin = BEGIN): Promise<void> {
  for (const [index, state] of states.entries()) {
    const latency = state === 'up' ? { latencyMs: 12 } : {};
    await log.record(CONTRACT, { at: begin + index * INTERVAL_MS, state, ...latency });
  }
}

export async function textOn(disk: ModelDisk, contract = CONTRACT): Promise<string> {
  return readText(disk, DIRECTORY, contract);
}

/** An export of what the disk holds. */
export async function exportOf(disk: ModelDisk, as = attestor): Promise<string> {
  const outcome = exported(await textOn(disk), as, BEGIN + 365 * 86_400_000);
  if ('refused' in outcome) throw new Error(outcome.refused);
  return outcome.file;
}

/** A log with one good and one bad time in it, exported. */
export async function exampleExport(samples = 40): Promise<string> {
  const disk = new ModelDisk();
  const states = Array.from({ length: samples }, (_, index) => (index % 17 === 5 ? 'down' : 'up') as UptimeState);
  await recordAll(uptimeLog(disk), states);
  return exportOf(disk);
}
