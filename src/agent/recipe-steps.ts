import type { RecipeOutcome, RootAccess } from '../guest/index.ts';
import {
  type CloudInitEnd,
  type ContractEvent,
  type ContractRecord,
  planOf,
  type RecipeEnd,
  type RecipePlan,
} from '../lifecycle/index.ts';
import { machineName } from '../ports/ids.ts';
import type { ScriptEnd } from '../provisioner/contract.ts';
import { isProvisionerError } from '../provisioner/errors.ts';
import { redactText } from '../telemetry/redact.ts';
import { agentKeyOf } from './machine-keys.ts';
import { sshEndpoint } from './route-lane.ts';
import type { StepContext } from './steps.ts';
import { operation } from './steps-operation.ts';
import { ownedRef } from './target.ts';

/** Runs the contract's recipe, or waits for one that an earlier attempt began, and says how it ended. */
export async function runRecipeStep(context: StepContext): Promise<ContractEvent[]> {
  const { record, target } = context;
  const plan = planOf(record, target.can);
  if (plan === undefined) return [{ type: 'done', step: 'recipe', note: 'nothing to run' }];
  const run = plan.by === 'ssh' ? await bySsh(context, plan) : { ended: await byBackend(context, plan) };
  if ('type' in run) return [run];
  const { ended, cloudInit } = run;
  context.log.info(
    { ok: ended.ok, exit: ended.exit, seconds: ended.seconds, output: ended.output },
    'the recipe has ended',
  );
  return [{ type: 'done', step: 'recipe', recipe: ended, ...(cloudInit === undefined ? {} : { cloudInit }) }];
}

/** Takes our own key out of the machine; nothing is handed over before it was seen to be refused. */
export async function withdrawStep({ deps, record, signal }: StepContext): Promise<ContractEvent[]> {
  const access = rootAccess(deps, record);
  if (access === undefined) return [failed('withdraw', 'permanent', NO_ADDRESS)];
  const { publicKey } = agentKeyOf(deps.vault, record);
  const user = record.instance?.ssh?.user ?? 'root';
  const outcome = await deps.guest.withdrawKey(access, { publicKey, user }, { clock: deps.clock, signal });
  if (outcome.state === 'withdrawn')
    return [{ type: 'done', step: 'withdraw', note: `our key is refused for ${outcome.refusedFor.join(', ')}` }];
  if (outcome.state === 'wrong-host-key') return [failed('withdraw', 'retry', STRANGER)];
  return [failed('withdraw', 'retry', outcome.why)];
}

type Failed = Extract<ContractEvent, { type: 'failed' }>;

interface Run {
  readonly ended: RecipeEnd;
  readonly cloudInit?: CloudInitEnd;
}

async function byBackend(context: StepContext, plan: RecipePlan): Promise<RecipeEnd> {
  const { deps, record, target } = context;
  const { provisioner } = target;
  if (provisioner.runScript === undefined) throw new Error('a recipe on a backend that cannot run one any more');
  try {
    const end = await provisioner.runScript(
      ownedRef(record, deps.agent),
      { content: scriptOf(record), environment: environmentOf(record, deps), limitSeconds: plan.limitSeconds },
      operation(context),
    );
    return judged(end, plan);
  } catch (error) {
    // Whether it ended will never be known: that is an end too, and the offering's policy decides.
    if (!isProvisionerError(error) || error.kind !== 'permanent') throw error;
    return { ok: false, summary: error.publicText, output: redactText(error.message) };
  }
}

async function bySsh({ deps, record, signal }: StepContext, plan: RecipePlan): Promise<Run | Failed> {
  const access = rootAccess(deps, record);
  if (access === undefined) return failed('recipe', 'permanent', NO_ADDRESS);
  const outcome = await deps.guest.runRecipe(
    access,
    {
      operation: record.operation,
      script: scriptOf(record),
      env: environmentOf(record, deps),
      limitSeconds: plan.limitSeconds,
    },
    { clock: deps.clock, signal },
  );
  const ended = told(outcome, plan);
  if ('type' in ended) return ended;
  const cloudInit = outcome.state === 'finished' ? outcome.cloudInit : undefined;
  return cloudInit === undefined ? { ended } : { ended, cloudInit };
}

function told(outcome: RecipeOutcome, plan: RecipePlan): RecipeEnd | Failed {
  switch (outcome.state) {
    case 'finished': {
      const timedOut = outcome.inTime === 'no';
      const { exit, seconds, output, signal } = outcome;
      return judged({ timedOut, seconds, output, ...(timedOut || signal !== undefined ? {} : { exit }) }, plan);
    }
    case 'interrupted':
      return { ok: false, summary: CUT_OFF, output: '' };
    case 'unsound':
      return { ok: false, summary: NONSENSE, output: outcome.why };
    case 'unreachable':
      return failed('recipe', 'retry', outcome.why);
    case 'key-refused':
      return failed('recipe', 'retry', 'the machine does not let our key in');
    case 'wrong-host-key':
      return failed('recipe', 'retry', STRANGER);
  }
}

/** In words for the tenant: nothing of what the script printed. */
function judged({ exit, timedOut, seconds, output }: ScriptEnd, plan: RecipePlan): RecipeEnd {
  const ok = exit === 0 && !timedOut;
  const summary = ok
    ? `The deployment ended well after ${seconds} s.`
    : timedOut
      ? `The deployment did not end within ${plan.limitSeconds} s.`
      : exit === undefined
        ? 'The deployment was ended by a signal.'
        : `The deployment failed (exit ${exit}).`;
  return { ok, ...(exit === undefined ? {} : { exit }), seconds, summary, output: kept(output) };
}

const MAX_OUTPUT = 8_000;

/** Its end, without secrets: the last lines say why. */
function kept(output: string): string {
  return redactText(output.replaceAll('\0', '').slice(-MAX_OUTPUT));
}

/** With a document of cloud-init's instead of a script, the end of cloud-init's work is what is waited for. */
function scriptOf({ order }: ContractRecord): string {
  return order.postProvisionScript ?? AWAIT_CLOUD_INIT;
}

/** Exit 2 is cloud-init's word for "done, with something to grumble about". */
const AWAIT_CLOUD_INIT = `#!/bin/sh
command -v cloud-init >/dev/null || { echo 'this image has no cloud-init'; exit 1; }
cloud-init status --wait --long
code=$?
[ "$code" -eq 2 ] && code=0
exit "$code"
`;

/** What a script may know of where it runs; see docs/guests.md. */
function environmentOf(record: ContractRecord, deps: StepContext['deps']): Record<string, string> {
  const { contract, order, instance } = record;
  const place = sshEndpoint(record, deps);
  const entries: [string, string | number | undefined][] = [
    ['DC_CONTRACT_ID', contract],
    ['DC_OFFERING_ID', order.offering],
    ['DC_MACHINE_NAME', machineName(contract)],
    ['DC_PUBLIC_ADDRESS', instance?.publicIp ?? place?.host],
    ['DC_IPV4', instance?.ipv4],
    ['DC_IPV6', instance?.ipv6],
    ['DC_SSH_PORT', place?.port],
    ['DC_SSH_USER', instance?.ssh?.user],
  ];
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}

function rootAccess(deps: StepContext['deps'], record: ContractRecord): RootAccess | undefined {
  const { hostKey } = record;
  const ssh = sshEndpoint(record, deps);
  // Only a machine whose key was seen and pinned gets a script or our key.
  if (ssh === undefined || hostKey === undefined) return undefined;
  const { host, port } = ssh;
  return { host, port, hostKey, privateKey: agentKeyOf(deps.vault, record).privateKey };
}

function failed(step: 'recipe' | 'withdraw', kind: Failed['kind'], text: string): Failed {
  return { type: 'failed', step, kind, text, publicText: NOT_DEPLOYED };
}

const NO_ADDRESS = 'there is no address and host key to reach the machine by';
const STRANGER = 'another host key answers than the one that was pinned';
const CUT_OFF = 'The deployment was cut off: the machine was restarted, or what ran it was ended.';
const NONSENSE = 'The machine does not tell how the deployment ended.';
const NOT_DEPLOYED = 'The machine was made, but what is sold with it could not be deployed.';
