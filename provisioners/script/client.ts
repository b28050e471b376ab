import {
  type CallContext,
  type Clock,
  type ErrorKind,
  type MachineOrder,
  type OperationId,
  ProvisionerError,
  type StaticAddress,
} from '../../src/provisioner/index.ts';
import { excerpt } from './excerpt.ts';
import { type RunEnd, type RunResult, runScript } from './run.ts';
import type { ScriptSettings } from './schema.ts';
import { type Answer, parseAnswer } from './wire.ts';

export type Action = 'provision' | 'get_instance' | 'terminate' | 'health_check' | 'list' | 'start' | 'stop';

export type Reply =
  | { readonly ok: true; readonly answer: Answer }
  | {
      readonly ok: false;
      readonly error: ProvisionerError;
      /** `unknown`: the script may have done its work, or part of it, all the same. */
      readonly outcome: 'refused' | 'unknown' | 'never-ran';
      /** What the machine is called, when the failure still told. */
      readonly externalId?: string;
    };

/** Speaks the script protocol: one run per request, the answer read and the failure classified. */
export interface ScriptClient {
  request(action: Action, externalId: string | undefined, ctx: CallContext): Promise<Reply>;
  provision(order: MachineOrder, operation: OperationId, ctx: CallContext): Promise<Reply>;
}

export function scriptClient(settings: ScriptSettings, target: string, clock: Clock): ScriptClient {
  const send = async (action: Action, order: object, ctx: CallContext): Promise<Reply> => {
    const executable = settings[EXECUTABLE[action]];
    if (executable === undefined) {
      const error = new ProvisionerError('config', `Target ${target} has no "${EXECUTABLE[action]}" script.`);
      return { ok: false, error, outcome: 'never-ran' };
    }
    const result = await runScript({
      executable,
      stdin: JSON.stringify({ action, ...order }),
      forwardEnv: settings.forward_env,
      timeoutMs: settings.timeout_seconds * 1000,
      signal: ctx.signal,
      clock,
    });
    return read(action, target, result);
  };
  return {
    request: (action, externalId, ctx) => send(action, { external_id: externalId ?? null }, ctx),
    provision: (order, operation, ctx) => send('provision', provisionOrder(order, operation, settings), ctx),
  };
}

/** `get_instance` goes to the provision script: that is how the protocol always was. */
const EXECUTABLE = {
  provision: 'provision',
  get_instance: 'provision',
  terminate: 'terminate',
  health_check: 'health_check',
  list: 'list',
  start: 'start',
  stop: 'stop',
} as const satisfies Record<Action, keyof ScriptSettings>;

const READ_ONLY: ReadonlySet<Action> = new Set(['get_instance', 'health_check', 'list']);
/** Out of processes, memory or descriptors, or the file is just being replaced: these pass by themselves. */
const PASSING: ReadonlySet<string> = new Set(['ABORTED', 'EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'ETXTBSY']);

function provisionOrder(
  order: MachineOrder,
  operation: OperationId,
  { cloud_init: cloudInit }: Pick<ScriptSettings, 'cloud_init'>,
): object {
  return {
    external_id: null,
    operation_id: operation,
    contract_id: order.stamp.contract,
    offering_id: order.offering,
    cpu_cores: order.cpuCores ?? null,
    memory_mb: order.memoryMb ?? null,
    storage_gb: order.storageGb ?? null,
    requester_ssh_pubkey: order.sshKey,
    instance_config: order.settings,
    post_provision_script: order.postProvisionScript ?? null,
    address: order.address === undefined ? null : wireAddress(order.address),
    cloud_init: cloudInit ? wireCloudInit(order) : null,
  };
}

/** The agent's own document; where a machine is only tried out there is none, and it lets root in. */
function wireCloudInit({ userData, sshKey, network }: MachineOrder): object {
  const own = `#cloud-config\n${JSON.stringify({ disable_root: false, ssh_authorized_keys: [sshKey] })}\n`;
  return {
    user_data: userData?.reveal() ?? own,
    network_config: network?.config ?? null,
    mac_address: network?.mac ?? null,
  };
}

function wireAddress({ ipv4, prefixLength, gateway }: StaticAddress): object {
  return { ipv4, prefix_length: prefixLength, gateway };
}

function read(action: Action, target: string, { end, stdout, stderr }: RunResult): Reply {
  const said = excerpt(stderr.bytes.toString('utf8'));
  const what = (text: string): string =>
    `The ${EXECUTABLE[action]} script of target ${target} (${action}) ${text}${said === '' ? '' : `; it wrote: ${said}`}`;

  if (end.how === 'not-started') {
    const kind = PASSING.has(end.code) ? 'retry' : 'config';
    const error = new ProvisionerError(kind, what(`could not be started (${end.code}${NOT_STARTED[end.code] ?? ''})`), {
      cause: end.cause,
    });
    return { ok: false, error, outcome: 'never-ran' };
  }
  const parsed = stdout.cut ? { ok: false as const, problem: 'it printed over 1 MiB' } : parseAnswer(stdout.bytes);
  const told = parsed.ok ? parsed.answer.instance?.external_id : parsed.externalId;
  const unclear = (text: string): Reply => ({
    ok: false,
    error: new ProvisionerError(READ_ONLY.has(action) ? 'retry' : 'unknown-outcome', what(text)),
    outcome: 'unknown',
    ...(told === undefined ? {} : { externalId: told }),
  });

  if (end.how !== 'exit') return unclear(CUT_SHORT[end.how](end));
  if (!parsed.ok) return unclear(`gave no usable answer (exit ${end.code}): ${parsed.problem}`);
  const { answer } = parsed;
  if (answer.success && end.code === 0) return { ok: true, answer };
  if (answer.success) return unclear(`said success and exited with ${end.code}`);

  const secret = answer.instance?.root_password;
  const why = excerpt(answer.error ?? '', secret ? [secret] : []);
  const error = new ProvisionerError(
    failureKind(action, answer.retry_possible ?? undefined),
    what(`failed (exit ${end.code}): ${why === '' ? 'no reason given' : why}`),
  );
  return { ok: false, error, outcome: 'refused', ...(told === undefined ? {} : { externalId: told }) };
}

const NOT_STARTED: Readonly<Record<string, string>> = {
  ABORTED: ': the call was cancelled before',
  EACCES: ": it is not executable for the agent's user",
  ENOENT: ': the file, or the interpreter that its first line names, does not exist',
  ENOEXEC: ': it is not a program for this machine',
};

const CUT_SHORT: Record<Exclude<RunEnd['how'], 'exit' | 'not-started'>, (end: RunEnd) => string> = {
  'time-limit': () => 'was killed at its time limit',
  aborted: () => 'was stopped before it had finished',
  signal: (end) => `died of ${'signal' in end ? end.signal : 'a signal'}`,
};

/**
 * A create that must not be retried has failed for good, and the reference agent took every failure so. Giving up on the others would leave a
 * machine behind, so they are tried again: slowly, and shown to the operator, when the script says that a retry is useless.
 */
function failureKind(action: Action, retryPossible: boolean | undefined): ErrorKind {
  if (action === 'provision') return retryPossible === true ? 'retry' : 'permanent';
  return retryPossible === false ? 'config' : 'retry';
}
