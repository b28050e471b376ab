/** One event of a `text/event-stream`. */
export interface StreamEvent {
  /** `message` where the server named none. */
  readonly name: string;
  readonly data: string;
}

/** An event that does not end: a server gone mad, or no event stream at all. */
export class EventTooLargeError extends Error {
  override readonly name = 'EventTooLargeError';
}

const MAX_EVENT_CHARS = 1024 * 1024;

/** Reads events out of text that is cut anywhere. Comments, ids and an event without its closing blank line are left out. */
export async function* readEvents(chunks: AsyncIterable<string>): AsyncGenerator<StreamEvent> {
  let name = '';
  let data: string[] = [];
  let size = 0;
  for await (const line of readLines(chunks)) {
    size += line.length;
    if (size > MAX_EVENT_CHARS) throw new EventTooLargeError('an event is larger than 1 MiB');
    if (line !== '') {
      const [, field, value = ''] = /^([^:]*)(?::[ ]?(.*))?$/su.exec(line) ?? [];
      if (field === 'event') name = value;
      if (field === 'data') data.push(value);
      // A comment belongs to no event: a year of them must not add up to one that is too large.
      if (field === '') size -= line.length;
      continue;
    }
    if (data.length > 0) yield { name: name || 'message', data: data.join('\n') };
    name = '';
    data = [];
    size = 0;
  }
}

/** Lines end with CR LF, LF or CR. */
async function* readLines(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  let afterCr = false;
  for await (const chunk of chunks) {
    if (chunk === '') continue;
    // The LF of a CR LF that was cut in two ends no further line.
    const text = afterCr && chunk.startsWith('\n') ? chunk.slice(1) : chunk;
    afterCr = chunk.endsWith('\r');
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    if (rest.length > MAX_EVENT_CHARS) throw new EventTooLargeError('a line is larger than 1 MiB');
    yield* lines;
  }
}
