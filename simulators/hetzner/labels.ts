import { z } from 'zod';
import type { Labels } from './state.ts';

const WORD = /^[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Labels as the API takes them: at most 63 of a small set of characters, and a prefix that is a DNS name but not theirs. */
export const labels = z
  .record(z.string(), z.string())
  .refine((given) => Object.keys(given).every(isKey), 'label key is invalid')
  .refine((given) => Object.values(given).every(isValue), 'label value is invalid');

function isKey(key: string): boolean {
  const at = key.indexOf('/');
  const prefix = at < 0 ? undefined : key.slice(0, at);
  if (!WORD.test(key.slice(at + 1))) return false;
  return prefix === undefined || (prefix.length <= 253 && PREFIX.test(prefix) && prefix !== 'hetzner.cloud');
}

function isValue(value: string): boolean {
  return value === '' || WORD.test(value);
}

type Condition = (labels: Labels) => boolean;

/** Compiles `k==v,k!=v,k,!k,k in (a,b),k notin (a,b)`; undefined when the text is none. All conditions must hold. */
export function selector(text: string): Condition | undefined {
  const conditions = splitOutsideParentheses(text).map((part) => condition(part.trim()));
  const good = conditions.filter((one) => one !== undefined);
  if (good.length !== conditions.length) return undefined;
  return (given) => good.every((holds) => holds(given));
}

function condition(text: string): Condition | undefined {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text);
  if (set) {
    const [, key = '', word, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    if (!isKey(key) || !values.every(isValue)) return undefined;
    return ({ [key]: value }) => (value !== undefined && values.includes(value)) === (word === 'in');
  }
  const comparison = /^([^=!\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(text);
  if (comparison) {
    const [, key = '', sign, wanted = ''] = comparison;
    if (!isKey(key) || !isValue(wanted)) return undefined;
    return ({ [key]: value }) => (value === wanted) === (sign !== '!=');
  }
  const [, not, key = ''] = /^(!?)\s*(\S+)$/.exec(text) ?? [];
  if (!isKey(key)) return undefined;
  return (given) => Object.hasOwn(given, key) === (not === '');
}

function splitOutsideParentheses(text: string): string[] {
  return text.split(/,(?![^(]*\))/);
}
