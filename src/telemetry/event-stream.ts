import type { ServerResponse } from 'node:http';
import { redact } from './redact.ts';

/** Something that happened; the text is for people, the rest for programs. */
export interface AgentEvent {
  /** ms since the epoch */
  readonly at: number;
  /** Dotted and stable, e.g. `contract.provisioned`. */
  readonly type: string;
  readonly text: string;
  readonly contract?: string;
}

export interface EventStream {
  publish(event: AgentEvent): void;
  /** Answers with a stream that first repeats what came after `lastId`, then follows. */
  serve(response: ServerResponse, lastId: string | string[] | undefined): void;
  close(): void;
}

/** Enough for a reader that reconnects after a few minutes of a busy agent. */
const KEPT = 1000;
/** A reader this far behind is cut off: it resumes by id, and the agent's memory is not its buffer. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

/**
 * Server-sent events with resume. An id is `<run>-<number>`; a reader whose id belongs to another run of the agent, or is
 * older than what is kept, gets `event: reset` first and has to read the status again.
 */
export function createEventStream(run: number): EventStream {
  const kept: { number: number; frame: string }[] = [];
  const readers = new Set<ServerResponse>();
  let last = 0;

  return {
    publish(event) {
      last += 1;
      const frame = `id: ${run}-${last}\nevent: change\ndata: ${JSON.stringify(redact(event))}\n\n`;
      kept.push({ number: last, frame });
      if (kept.length > KEPT) kept.shift();
      for (const reader of readers) {
        if (reader.writableLength > MAX_BACKLOG_BYTES) reader.destroy();
        else reader.write(frame);
      }
    },
    serve(response, lastId) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      // Something has to be written, or the reader does not see that it is connected.
      response.write(': connected\n\n');
      const seen = typeof lastId === 'string' ? resumePoint(lastId, run) : last;
      const oldest = kept[0]?.number ?? last + 1;
      if (seen === undefined || seen < oldest - 1 || seen > last) {
        response.write(`id: ${run}-${last}\nevent: reset\ndata: {}\n\n`);
      } else {
        for (const { number, frame } of kept) if (number > seen) response.write(frame);
      }
      readers.add(response);
      response.on('close', () => readers.delete(response));
      // A reader that vanished while we wrote: `close` follows and forgets it.
      response.on('error', () => {});
    },
    close() {
      for (const reader of readers) reader.end();
      readers.clear();
    },
  };
}

function resumePoint(id: string, run: number): number | undefined {
  const match = /^(\d+)-(\d+)$/.exec(id);
  return match && Number(match[1]) === run ? Number(match[2]) : undefined;
}
