import type { ParamRule } from './call.ts';

/** Rules that many endpoints share. */
export const NODE: ParamRule = { type: 'string', format: 'pve-node' };
export const VMID: ParamRule = { type: 'integer', format: 'pve-vmid', minimum: 100, maximum: 999_999_999 };
export const STORAGE: ParamRule = { type: 'string', format: 'pve-storage-id' };
export const POOL: ParamRule = { type: 'string', format: 'pve-poolid' };
export const USER: ParamRule = { type: 'string', format: 'pve-userid', maxLength: 64 };
export const TOKEN: ParamRule = { type: 'string', pattern: /[A-Za-z][A-Za-z0-9.\-_]+/ };
export const ROLE: ParamRule = { type: 'string', format: 'pve-roleid' };
export const TEXT: ParamRule = { type: 'string' };
export const FLAG: ParamRule = { type: 'boolean' };

/** The same rule for a parameter that may be left out. */
export function optional(rule: ParamRule): ParamRule {
  return { ...rule, optional: true };
}
