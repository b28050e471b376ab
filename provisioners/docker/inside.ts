import type { z } from 'zod';
import { type Clock, ProvisionerError, sleep, systemClock } from '../../src/provisioner/index.ts';
import type { EngineClient } from './client.ts';
import { firstEntry, type ReadEntry } from './tar.ts';
import * as wire from './wire.ts';

export interface InsideCommand {
  /** Completes the sentence "Docker refused to …"; never holds what is secret. */
  readonly doing: string;
  readonly argv: readonly string[];
  /** `NAME=value`. Readable by everybody in the machine and by the engine's users: never for secrets. */
  readonly env?: readonly string[];
  /** What the process reads. */
  readonly input?: string;
  /** Milliseconds for the whole of it. The process itself is not ended when they are over. */
  readonly timeoutMs: number;
}

export interface InsideResult {
  readonly exit: number;
  /** The end of what it wrote, at most 16 KiB. Foreign text, and it may hold secrets. */
  readonly output: string;
}

/** No file that is looked at here is larger; more of one is not read. */
const MAX_FILE_BYTES = 256 * 1024;
const MAX_OUTPUT_BYTES = 16 * 1024;
const LOOK_EVERY_MS = 500;

/** Files and processes within a container, by the engine's own hand. Everything read here is the tenant's word. */
export class Inside {
  readonly #client: EngineClient;
  readonly #clock: Clock;

  constructor(client: EngineClient, clock: Clock = systemClock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** What is at an absolute path, links not followed; undefined when the engine said that nothing is there. */
  async read(id: string, path: string, signal: AbortSignal): Promise<ReadEntry | undefined> {
    const answer = await this.#client.bytes(
      {
        doing: 'read a file of a container',
        method: 'GET',
        path: `/containers/${id}/archive?${new URLSearchParams({ path }).toString()}`,
        expects: ({ status, message }) => status === 404 && /^Could not find the file /i.test(message),
        signal,
      },
      MAX_FILE_BYTES,
    );
    if (!answer.ok) return undefined;
    const entry = firstEntry(answer.value);
    if (entry !== undefined) return entry;
    throw new ProvisionerError('retry', 'Docker sent something else than an archive for a file of a container');
  }

  /**
   * Runs a command as root in a running container, and resolves with how it ended. Who keeps its output open after its end is not
   * waited for, and a connection that breaks in the middle does not matter. Rejects with `retry` when the machine does not run.
   */
  async run(id: string, command: InsideCommand, signal: AbortSignal): Promise<InsideResult> {
    const exec = await this.#prepare(id, command, signal);
    const over = new AbortController();
    const stop = this.#clock.after(command.timeoutMs, () => over.abort(new Error('it did not end in time')));
    const conversation = new AbortController();
    const output = new Tail(MAX_OUTPUT_BYTES);
    const waiting = AbortSignal.any([signal, over.signal]);
    const ended = this.#client
      .attach(
        {
          doing: command.doing,
          method: 'POST',
          path: `/exec/${exec}/start`,
          body: { Detach: false, Tty: false },
          signal: AbortSignal.any([waiting, conversation.signal]),
        },
        { input: command.input, onOutput: (chunk) => output.push(chunk) },
      )
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    try {
      const exit = await this.#exit(exec, ended, command, waiting);
      // What it wrote last may still be on its way.
      await Promise.race([ended, this.#pause(LOOK_EVERY_MS, waiting)]);
      return { exit, output: output.text };
    } finally {
      stop();
      conversation.abort(new Error('nobody listens any more'));
      await ended;
    }
  }

  async #prepare(id: string, { doing, argv, env, input }: InsideCommand, signal: AbortSignal): Promise<string> {
    const answer = await this.#client.call({
      doing,
      method: 'POST',
      path: `/containers/${id}/exec`,
      body: {
        AttachStdin: input !== undefined,
        AttachStdout: true,
        AttachStderr: true,
        Tty: false,
        User: '0',
        Cmd: argv,
        ...(env === undefined ? {} : { Env: env }),
      },
      answer: wire.createdExec,
      signal,
    });
    if (answer.ok) return answer.value.Id;
    throw new Error('unreachable: a call that expects no refusal throws it');
  }

  /** The engine's word on the end, asked for as long as there is none; the conversation's end is only a hint to ask at once. */
  async #exit(exec: string, ended: Promise<unknown>, { doing }: InsideCommand, signal: AbortSignal): Promise<number> {
    for (;;) {
      const error = await Promise.race([ended, this.#pause(LOOK_EVERY_MS, signal)]);
      const state = await this.#look(exec, doing, signal);
      if (!state.Running && typeof state.ExitCode === 'number') return state.ExitCode;
      // It was not started, or whether it was is not known.
      if (!state.Running && error !== undefined)
        throw error instanceof Error ? error : new Error('the conversation broke off', { cause: error });
      // A conversation that is over does not make us wait any more.
      await this.#pause(LOOK_EVERY_MS, signal);
    }
  }

  async #look(exec: string, doing: string, signal: AbortSignal): Promise<z.infer<typeof wire.inspectedExec>> {
    try {
      const path = `/exec/${exec}/json`;
      const answer = await this.#client.call({ doing, method: 'GET', path, answer: wire.inspectedExec, signal });
      if (answer.ok) return answer.value;
    } catch (error) {
      if (!signal.aborted) throw error;
      const why = `Asked Docker to ${doing}, and did not see the end of it`;
      throw new ProvisionerError('unknown-outcome', why, { cause: signal.reason });
    }
    throw new Error('unreachable: a call that expects no refusal throws it');
  }

  async #pause(ms: number, signal: AbortSignal): Promise<undefined> {
    try {
      await sleep(this.#clock, ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return undefined;
  }
}

/** The last bytes of a stream that may be endless. */
class Tail {
  readonly #limit: number;
  #kept = Buffer.alloc(0);

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Buffer): void {
    this.#kept = Buffer.concat([this.#kept.subarray(-this.#limit), chunk.subarray(-this.#limit)]).subarray(
      -this.#limit,
    );
  }

  get text(): string {
    return this.#kept.toString('utf8');
  }
}
