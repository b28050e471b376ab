import { Secret } from '../../src/provisioner/index.ts';
import type { VmAt } from './api-vms.ts';
import type { Call } from './call.ts';
import { path } from './call-request.ts';
import { agentTalk } from './gate-lanes.ts';
import { nothing } from './wire.ts';
import * as wire from './wire-agent.ts';

/**
 * Needs VM.GuestAgent.Audit on 9 and VM.Monitor before; exec, passwords and files need VM.GuestAgent.Unrestricted on 9.
 * The answers come from inside the tenant's machine.
 */
export interface AgentCalls {
  /** Resolves when the agent answers; `agent-down` otherwise, after 3 s. */
  ping(vm: VmAt, signal: AbortSignal): Promise<void>;
  interfaces(vm: VmAt, signal: AbortSignal): Promise<wire.GuestInterface[]>;
  osInfo(vm: VmAt, signal: AbortSignal): Promise<wire.GuestOs>;
  /** From 8.0. Starts a program with these arguments, no shell. Never pass it a tenant's words. Resolves with its process id. */
  exec(vm: VmAt, command: readonly string[], input: Secret | undefined, signal: AbortSignal): Promise<number>;
  execStatus(vm: VmAt, pid: number, signal: AbortSignal): Promise<wire.GuestExecStatus>;
  /** At least five characters. */
  setPassword(vm: VmAt, user: string, password: Secret, signal: AbortSignal): Promise<void>;
  /** At most 45 KiB. Sent encoded: a host cannot take letters beyond Latin-1 in plain. */
  writeFile(vm: VmAt, file: string, content: string | Uint8Array, signal: AbortSignal): Promise<void>;
  readFile(vm: VmAt, file: string, signal: AbortSignal): Promise<{ content: string; truncated: boolean }>;
}

export function agentCalls(call: Call): AgentCalls {
  const where = ({ node, vmid }: VmAt, command: string) => ({
    path: path`/nodes/${node}/qemu/${vmid}/agent/${command}`,
    lane: agentTalk(node),
  });
  const read = { method: 'GET', effect: 'none' } as const;
  const write = { method: 'POST', effect: 'repeatable', answer: nothing } as const;
  const of = ({ vmid }: VmAt): string => `the guest agent of VM ${vmid}`;
  return {
    ping: (vm, signal) =>
      call({ ...write, ...where(vm, 'ping'), effect: 'none', doing: `reach ${of(vm)}`, timeoutMs: 30_000 }, signal),

    interfaces: (vm, signal) =>
      call(
        {
          ...read,
          ...where(vm, 'network-get-interfaces'),
          doing: `ask ${of(vm)} for its addresses`,
          answer: wire.interfaces,
        },
        signal,
      ),

    osInfo: (vm, signal) =>
      call({ ...read, ...where(vm, 'get-osinfo'), doing: `ask ${of(vm)} what it runs`, answer: wire.osInfo }, signal),

    async exec(vm, command, input, signal) {
      const { pid } = await call(
        {
          method: 'POST',
          effect: 'once',
          ...where(vm, 'exec'),
          doing: `have ${of(vm)} run a program`,
          params: { command, 'input-data': input },
          answer: wire.execStarted,
        },
        signal,
      );
      return pid;
    },

    execStatus: (vm, pid, signal) =>
      call(
        {
          ...read,
          ...where(vm, 'exec-status'),
          doing: `ask ${of(vm)} about a program`,
          params: { pid },
          answer: wire.execStatus,
        },
        signal,
      ),

    setPassword: (vm, user, password, signal) =>
      call(
        {
          ...write,
          ...where(vm, 'set-user-password'),
          doing: `have ${of(vm)} set a password`,
          params: { username: user, password },
        },
        signal,
      ),

    writeFile: (vm, file, content, signal) =>
      call(
        {
          ...write,
          ...where(vm, 'file-write'),
          doing: `have ${of(vm)} write a file`,
          // May hold secrets.
          params: { file, content: new Secret(Buffer.from(content).toString('base64')), encode: false },
        },
        signal,
      ),

    readFile: (vm, file, signal) =>
      call(
        {
          ...read,
          ...where(vm, 'file-read'),
          doing: `have ${of(vm)} read a file`,
          params: { file },
          answer: wire.fileRead,
        },
        signal,
      ),
  };
}
