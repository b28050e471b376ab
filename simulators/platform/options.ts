import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import type { State } from './state.ts';

/** Numbers that an operator of the real server could set, or that it hard-codes. Milliseconds. */
export interface Settings {
  skewMs: number;
  lockTtlMs: number;
  onlineMs: number;
  requestedTimeoutMs: number;
  pendingTimeoutMs: number;
  provisioningTimeoutMs: number;
  sweepMs: number;
  cleanupMs: number;
  purgeMs: number;
  credentialsMs: number;
  tokenHours: number;
  nextHeartbeatSeconds: number;
  /** Off as on a development server; the production server has it on. */
  rateLimits: boolean;
  /** Without it gateway registration is refused. The HTTP server fills it in with its own address. */
  publicUrl: string | undefined;
  /** Whether the DNS upstream is configured. */
  dns: boolean;
  domain: string;
  gatewayPrefix: string;
  /** The real server refuses the second rental of a key whose account's mail address is unverified. */
  requireVerifiedEmail: boolean;
  environment: string;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export const DEFAULT_SETTINGS: Settings = {
  skewMs: 300_000,
  lockTtlMs: 300_000,
  onlineMs: 300_000,
  requestedTimeoutMs: HOUR,
  pendingTimeoutMs: HOUR,
  provisioningTimeoutMs: HOUR,
  sweepMs: 300_000,
  cleanupMs: DAY,
  purgeMs: 180 * DAY,
  credentialsMs: 7 * DAY,
  tokenHours: 24,
  nextHeartbeatSeconds: 60,
  rateLimits: false,
  publicUrl: undefined,
  dns: true,
  domain: 'decent-cloud.org',
  gatewayPrefix: 'gw',
  requireVerifiedEmail: true,
  environment: 'dev',
};

/** Behaviour of the real server that looks like a mistake. `true` is what it does today; `false` is the obvious repair. */
export interface Quirks {
  /** Any pending password reset makes the list (and the event stream) fail. */
  passwordResetListFails: boolean;
  /** The key-rotation list and the work list spell their keys in snake_case; repaired: camelCase like every other answer. */
  snakeCaseLists: boolean;
  /** A contract locked by the caller itself is missing from the caller's work list. */
  ownLockHidesWork: boolean;
  /** Reconcile says "keep" for provisioningfailed, rejected and expired contracts until their end time. */
  reconcileKeepsDead: boolean;
  /** Whoever holds any valid key may fail any contract. */
  anyoneMayFail: boolean;
  /** The lock of another provider's contract can be taken, and its termination confirmed. */
  foreignContractsOpen: boolean;
  /** A root password in the instance details stays readable there, beside its encrypted copy. */
  keepsClearPassword: boolean;
  /** Contracts run by agents stay active after their end; repaired: the sweep expires them. */
  neverExpires: boolean;
  /** `terminated` is refused for every status but cancelled; repaired: any contract past its end or dead is accepted. */
  terminatedOnlyCancelled: boolean;
  /** The health path that older agents use does not exist. */
  oldHealthPathMissing: boolean;
  /** A paid rental that nobody accepts expires without refund. */
  expiryKeepsMoney: boolean;
}

export const REAL_SERVER: Quirks = {
  passwordResetListFails: true,
  snakeCaseLists: true,
  ownLockHidesWork: true,
  reconcileKeepsDead: true,
  anyoneMayFail: true,
  foreignContractsOpen: true,
  keepsClearPassword: true,
  neverExpires: true,
  terminatedOnlyCancelled: true,
  oldHealthPathMissing: true,
  expiryKeepsMoney: true,
};

/** Everything cryptographic, so that simulations can put something cheap in its place. */
export interface PlatformCrypto {
  /** The public key of a 32-byte seed, as hex. */
  readonly publicKeyOf: (seedHex: string) => string;
  /** Whether 32 bytes are a usable public key at all; the real server answers 500 to those that are not. */
  readonly isPublicKey: (publicKeyHex: string) => boolean;
  readonly verify: (publicKeyHex: string, message: Uint8Array, signatureHex: string) => boolean;
  /** Encrypts a password for the tenant; returns the envelope's JSON text. */
  readonly seal: (tenantKeyHex: string, contractId: string, password: string, random: Random) => string;
}

/** What every part of the server's logic works on. `state` is replaced as a whole when a backup is restored. */
export interface Platform {
  state: State;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: PlatformCrypto;
  readonly settings: Settings;
  readonly quirks: Quirks;
}
