import type { MachineState } from './api.ts';
import type { ScriptRun } from './scripts.ts';

/** One machine. `stateEndsAt`, `startedAt` and `sshReadyAt` are on the monotonic clock. */
export interface SandboxMachine {
  readonly id: string;
  readonly uid: string;
  readonly name: string;
  labels: Readonly<Record<string, string>>;
  readonly cpuCores: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  readonly createdAt: number;
  /** Where it runs; named when it is put in place. */
  node?: string;
  state: MachineState;
  stateEndsAt?: number;
  failure?: string;
  hostname: string;
  authorizedKeys: readonly string[];
  /** Never shown by the API. */
  rootPassword?: string;
  /** Of those keys, the ones that a cloud-init document gave a last day: a provider's way in. */
  limitedKeys?: readonly string[];
  /** Another one answers in its place. */
  forged?: true;
  /** Its SSH server was ended for good. */
  sshdDead?: true;
  /** What was run in it, oldest first. */
  scripts?: readonly ScriptRun[];
  sshPort?: number;
  /** OpenSSH private key, kept over stop and start; made by the server that plays the guest. */
  hostKey?: string;
  startedAt?: number;
  sshReadyAt?: number;
  /** It was started at least once: first-boot documents have been read. */
  booted?: true;
  /** Added to what running time alone gives; reset at stop like the rest. */
  extraBytesIn: number;
  extraBytesOut: number;
}

/** What a configure call changes; what is absent stays as it is. */
export interface GuestConfig {
  readonly hostname?: string;
  readonly authorizedKeys?: readonly string[];
  readonly rootPassword?: string;
  /** OpenSSH private key. */
  readonly hostKey?: string;
  /** A `#cloud-config` document for the first boot: of it the keys and the host key are taken. */
  readonly userData?: string;
}

export interface CreateOrder {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly cpuCores: number;
  readonly memoryMb: number;
  readonly diskGb: number;
}
