import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventTooLargeError, readEvents, type StreamEvent } from './event-stream.ts';

async function* from(chunks: Iterable<string>): AsyncGenerator<string> {
  yield* chunks;
}

async function read(chunks: Iterable<string>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of readEvents(from(chunks))) events.push(event);
  return events;
}

const TEXT =
  ': hello\n\nevent: count\r\nid: 7\r\ndata: {"a":1}\r\n\r\ndata:x\rdata:  y\r\rdata\n\nevent: empty\n\ndata: cut off';
const EVENTS = [
  { name: 'count', data: '{"a":1}' },
  { name: 'message', data: 'x\n y' },
  { name: 'message', data: '' },
];

describe('an event stream', () => {
  it('is read, however lines end; comments, events without data and what was cut off are not events', async () => {
    expect(await read([TEXT])).toEqual(EVENTS);
  });

  it('is the same wherever it is cut', async () => {
    const cuts = fc.uniqueArray(fc.nat({ max: TEXT.length }));
    await fc.assert(
      fc.asyncProperty(cuts, async (at) => {
        const sorted = [0, ...at.toSorted((a, b) => a - b), TEXT.length];
        expect(await read(sorted.slice(1).map((end, i) => TEXT.slice(sorted[i], end)))).toEqual(EVENTS);
      }),
    );
  });

  it('is refused when an event or a line does not end', async () => {
    const chunk = 'x'.repeat(64 * 1024);
    await expect(read(Array.from({ length: 20 }, () => chunk))).rejects.toBeInstanceOf(EventTooLargeError);
    await expect(read(Array.from({ length: 20 }, () => `data: ${chunk}\n`))).rejects.toBeInstanceOf(EventTooLargeError);
  });

  it('may consist of comments for ever', async () => {
    const comment = `: ${'x'.repeat(64 * 1024)}\n`;
    expect(await read([...Array.from({ length: 20 }, () => comment), 'data: a\n\n'])).toEqual([
      { name: 'message', data: 'a' },
    ]);
  });
});
