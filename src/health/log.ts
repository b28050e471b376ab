import { join } from 'node:path';
import type { Disk } from '../ports/disk.ts';
import type { AgentId, ContractId } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import type { IsSigned, Position } from './follow.ts';
import {
  BEGINNING,
  chained,
  formatHeader,
  formatMark,
  formatSample,
  type Header,
  markText,
  type Sample,
  type UptimeState,
} from './lines.ts';
import { openLast } from './open-last.ts';
import { readSegmentName, segmentFile } from './places.ts';

/** Who signs the log. Handed in: a simulated run uses a cheap one. */
export interface Attestor {
  readonly agent: AgentId;
  /** Hex. */
  sign(text: string): string;
  readonly isSigned: IsSigned;
}

export interface UptimeLogOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly attestor: Attestor;
  /** How often each machine is looked at, in ms. */
  readonly intervalMs: number;
  readonly log: Log;
  /** So many lines fill a segment; 8,192 unless told. */
  readonly segmentLines?: number;
}

/** A signature for about an hour of samples: what a power cut of the log's owner could still change, nobody has seen. */
const MARK_EVERY = 12;
const SEGMENT_MS = 3 * 86_400_000;
/** Twelve segments of three days cover 30 days, and a machine that flaps all day long cannot fill the disk: under 3 MB. */
const SEGMENTS = 12;
const SEGMENT_LINES = 8_192;
/** However short the interval: so often a state that did not change is worth a line. */
const SHORTEST_MS = 60_000;

interface Segment {
  readonly number: number;
  readonly path: string;
  readonly position: Position;
  readonly lines: number;
  /** Of its first sample. */
  readonly begunAt?: number;
  readonly last?: { readonly at: number; readonly state: UptimeState };
}

/**
 * What was seen of each machine, on disk, one chain of lines for each contract. A sample that the disk does not take is lost and
 * shows as a gap: the log never holds what was not seen, and nothing waits for it.
 */
export class UptimeLog {
  readonly #options: UptimeLogOptions;
  readonly #segments = new Map<ContractId, Segment>();
  readonly #queues = new Map<ContractId, Promise<void>>();
  #problem: string | undefined;

  constructor(options: UptimeLogOptions) {
    this.#options = { ...options, intervalMs: Math.max(SHORTEST_MS, options.intervalMs) };
  }

  /** Why samples are being lost. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Resolves when the sample is safe, or lost. Never rejects. Samples of one contract keep their order. */
  record(contract: ContractId, sample: Sample): Promise<void> {
    const next = (this.#queues.get(contract) ?? Promise.resolve()).then(() => this.#try(contract, sample));
    this.#queues.set(contract, next);
    return next.finally(() => {
      if (this.#queues.get(contract) === next) this.#queues.delete(contract);
    });
  }

  /** Removes the logs of contracts that nobody knows any more. Never rejects: there will be another time. */
  async forget(isKnown: (contract: ContractId) => boolean): Promise<void> {
    const { disk, directory, log } = this.#options;
    try {
      await disk.ensureDirectory(directory);
      for (const name of await disk.list(directory)) {
        const segment = readSegmentName(name);
        if (segment === undefined || isKnown(segment.contract)) continue;
        this.#segments.delete(segment.contract);
        await disk.remove(join(directory, name));
      }
    } catch (error) {
      log.warn({ error }, 'old uptime logs could not be removed');
    }
  }

  async #try(contract: ContractId, sample: Sample): Promise<void> {
    try {
      await this.#write(contract, sample);
      if (this.#problem !== undefined) this.#options.log.info({}, 'the uptime log can be written again');
      this.#problem = undefined;
    } catch (error) {
      // Nobody knows how much of it the file holds: the next sample looks.
      this.#segments.delete(contract);
      if (this.#problem === undefined)
        this.#options.log.warn({ error }, 'the uptime log cannot be written: what is seen meanwhile is not recorded');
      this.#problem = error instanceof Error ? error.message : String(error);
    }
  }

  async #write(contract: ContractId, sample: Sample): Promise<void> {
    const { disk, directory, intervalMs } = this.#options;
    const segment = this.#segments.get(contract) ?? (await this.#open(contract));
    const { last } = segment;
    const since = last === undefined ? Number.POSITIVE_INFINITY : sample.at - last.at;
    if (last?.state === sample.state && since >= 0 && since < intervalMs / 2) return this.#keep(contract, segment);
    const full =
      segment.lines >= (this.#options.segmentLines ?? SEGMENT_LINES) ||
      (segment.begunAt !== undefined && sample.at - segment.begunAt >= SEGMENT_MS);
    const current = full ? await this.#roll(contract, segment) : segment;
    const line = formatSample(sample);
    const grown = grow(current.position, [line]);
    const marked = grown.unsigned >= MARK_EVERY ? this.#mark(grown, sample.at) : undefined;
    await appendLines(disk, current.path, marked === undefined ? [line] : [line, marked.line]);
    this.#keep(contract, {
      ...current,
      position: marked?.position ?? grown,
      lines: current.lines + (marked === undefined ? 1 : 2),
      begunAt: current.begunAt ?? sample.at,
      last: { at: sample.at, state: sample.state },
    });
    if (full) await this.#dropOld(contract, directory, current.number);
  }

  #keep(contract: ContractId, segment: Segment): void {
    this.#segments.set(contract, segment);
  }

  async #open(contract: ContractId): Promise<Segment> {
    const { disk, directory, attestor, intervalMs, log } = this.#options;
    await disk.ensureDirectory(directory);
    const found = await openLast(disk, directory, contract, attestor.isSigned);
    if (found === undefined) return this.#begin(contract, 1, undefined);
    const { number, position } = found;
    if (position === undefined) {
      log.warn({ contract, why: found.why }, 'the uptime log is damaged: it is kept as it is, and begins anew');
      return this.#begin(contract, number + 1, undefined);
    }
    const { header } = position;
    if (header.agent !== attestor.agent || header.intervalMs !== intervalMs)
      return this.#begin(contract, number + 1, position);
    const path = join(directory, segmentFile(contract, number));
    const { lines, begunAt, last } = found;
    return {
      number,
      path,
      position,
      lines,
      ...(begunAt === undefined ? {} : { begunAt }),
      ...(last === undefined ? {} : { last }),
    };
  }

  async #roll(contract: ContractId, segment: Segment): Promise<Segment> {
    const mark = this.#mark(segment.position, segment.last?.at ?? segment.begunAt ?? 0);
    await appendLines(this.#options.disk, segment.path, [mark.line]);
    return this.#begin(contract, segment.number + 1, mark.position);
  }

  async #begin(contract: ContractId, number: number, after: Position | undefined): Promise<Segment> {
    const { disk, directory, attestor, intervalMs } = this.#options;
    const header: Header = {
      contract,
      agent: attestor.agent,
      intervalMs,
      index: after?.index ?? 0,
      head: after?.head ?? BEGINNING,
    };
    const line = formatHeader(header);
    const path = join(directory, segmentFile(contract, number));
    await appendLines(disk, path, [line]);
    const position = grow({ index: header.index, head: header.head, header, unsigned: after?.unsigned ?? 0 }, [line]);
    return { number, path, position, lines: 1 };
  }

  #mark({ index, head, header }: Position, at: number): { readonly line: string; readonly position: Position } {
    const line = formatMark(at, this.#options.attestor.sign(markText(header.contract, index, head, at)));
    return { line, position: { index: index + 1, head: chained(head, line), header, unsigned: 0 } };
  }

  async #dropOld(contract: ContractId, directory: string, newest: number): Promise<void> {
    const { disk } = this.#options;
    for (const name of await disk.list(directory)) {
      const segment = readSegmentName(name);
      if (segment?.contract === contract && segment.number <= newest - SEGMENTS)
        await disk.remove(join(directory, name));
    }
  }
}

function grow(position: Position, lines: readonly string[]): Position {
  return lines.reduce<Position>(
    ({ index, head, header, unsigned }, line) => ({
      index: index + 1,
      head: chained(head, line),
      header,
      unsigned: unsigned + 1,
    }),
    position,
  );
}

/** Opened for each: a host with a thousand machines would run out of handles. */
async function appendLines(disk: Disk, path: string, lines: readonly string[]): Promise<void> {
  const file = await disk.openAppend(path);
  try {
    await file.append(Buffer.from(lines.map((line) => `${line}\n`).join('')));
    await file.sync();
  } finally {
    await file.close();
  }
}
