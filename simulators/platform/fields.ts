import { HttpError } from './answers.ts';

/**
 * Reads one JSON object by the server's own rules, which are stricter and looser than usual: a string takes numbers and
 * booleans too, an integer refuses 1.0, optional fields may be null, arrays are mandatory. Every breach is a 400.
 */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (!isObject(value)) throw badPayload('expected an object');
    this.#values = value;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }

  string(name: string): string {
    const value = this.#required(name);
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    if (isFloat(value)) return value[FLOAT];
    throw badPayload(`field "${name}": expected a string`);
  }

  optionalString(name: string): string | undefined {
    return this.has(name) ? this.string(name) : undefined;
  }

  boolean(name: string): boolean {
    const value = this.#required(name);
    if (typeof value === 'boolean') return value;
    throw badPayload(`field "${name}": expected a boolean`);
  }

  integer(name: string, min = -(2 ** 63), max = 2 ** 63): number {
    const value = this.#required(name);
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw badPayload(`field "${name}": expected an integer from ${min} to ${max}`);
  }

  optionalInteger(name: string, min?: number, max?: number): number | undefined {
    return this.has(name) ? this.integer(name, min, max) : undefined;
  }

  number(name: string): number {
    const value = this.#required(name);
    if (typeof value === 'number') return value;
    if (isFloat(value)) return Number(value[FLOAT]);
    throw badPayload(`field "${name}": expected a number`);
  }

  optionalNumber(name: string): number | undefined {
    return this.has(name) ? this.number(name) : undefined;
  }

  list(name: string): Fields[] {
    const value = this.#required(name);
    if (!Array.isArray(value)) throw badPayload(`field "${name}": expected an array`);
    return value.map((item) => new Fields(item));
  }

  optionalList(name: string): Fields[] | undefined {
    return this.has(name) ? this.list(name) : undefined;
  }

  strings(name: string): string[] {
    const value = this.#required(name);
    if (!Array.isArray(value)) throw badPayload(`field "${name}": expected an array`);
    return value.map((item, index) => new Fields({ [index]: item }).string(String(index)));
  }

  object(name: string): Fields {
    return new Fields(this.#required(name));
  }

  keys(): string[] {
    return Object.keys(this.#values);
  }

  #required(name: string): unknown {
    const value = this.#values[name];
    if (value === undefined || value === null) throw badPayload(`field "${name}" is required`);
    return value;
  }
}

/** An unsigned 64-bit number as it comes out of a BIGINT column: the upper half wraps to negative. */
export function wrapped(value: number): number {
  return value >= 2 ** 63 ? value - 2 ** 64 : value;
}

export const U32 = 2 ** 32 - 1;
export const U64 = 2 ** 64;

/** Parses a request body. JSON.parse alone cannot tell 1.0 from 1, which the server does, so such literals are marked first. */
export function parseBody(text: string): Fields {
  const marked = MAY_HOLD_FLOAT.test(text) ? text.replace(STRING_OR_NUMBER, markFloat) : text;
  let value: unknown;
  try {
    value = JSON.parse(marked);
  } catch (error) {
    throw badPayload(error instanceof Error ? error.message : 'not JSON');
  }
  return new Fields(value);
}

const FLOAT = '\u0000float';
const MAY_HOLD_FLOAT = /\d[.eE]/;
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function markFloat(literal: string): string {
  if (literal.startsWith('"') || !/[.eE]/.test(literal)) return literal;
  return JSON.stringify({ [FLOAT]: literal });
}

function isFloat(value: unknown): value is { [FLOAT]: string } {
  return isObject(value) && typeof value[FLOAT] === 'string';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function badPayload(problem: string): HttpError {
  return new HttpError(400, `parse request payload error: ${problem}`);
}
