import type { Signer } from '../identity/sign.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import * as answers from './answers.ts';
import { type PlatformApi, PlatformError, type ReportAnswer } from './api.ts';
import type { RateBudget } from './budget.ts';
import { type Call, createCaller } from './caller.ts';
import { isDnsRecordThere, isUnlistable, type ReportCall, readLock, readReport } from './oracle.ts';
import { providerPath, rentalPath } from './paths.ts';
import * as requests from './requests.ts';
import { type ClockSkew, createSkewEstimator } from './skew.ts';
import type { Transport } from './transport.ts';
import { cleanText, wireJson } from './wire-json.ts';

export interface PlatformClient extends PlatformApi {
  /** Our clock against the platform's, from the answers so far. */
  skew(): ClockSkew | undefined;
}

export interface PlatformClientDeps {
  readonly transport: Transport;
  /** Connections for the heartbeat alone; without it the heartbeat shares the others. */
  readonly heartbeatTransport?: Transport;
  readonly signer: Signer;
  readonly providerPubkey: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RateBudget;
  readonly log: Log;
  /** For every call but the heartbeat; 30 s. */
  readonly timeoutMs?: number;
  /** Called after each answer, with what is then known about the clock. */
  readonly onObservation?: (skew: ClockSkew | undefined) => void;
}

const TIMEOUT_MS = 30_000;
const HEARTBEAT_TIMEOUT_MS = 10_000;

type Rest = Omit<Call, 'method' | 'path' | 'priority'> & { priority?: Call['priority'] };

/** The platform over a transport. It sends every call once: whether and when to repeat it is the caller's decision. */
export function createPlatformClient(deps: PlatformClientDeps): PlatformClient {
  const provider = providerPath(deps.providerPubkey);
  const { clock, log } = deps;
  const skew = createSkewEstimator();
  const send = createCaller({
    heartbeatTransport: deps.transport,
    timeoutMs: TIMEOUT_MS,
    ...deps,
    skew,
    onObservation: () => deps.onObservation?.(skew.estimate()),
  });
  const call = (method: Call['method'], path: string, rest: Rest) =>
    send({ method, path, priority: 'report', ...rest });

  /** For calls that have only one good answer. */
  async function dataOf(method: Call['method'], path: string, rest: Rest): Promise<unknown> {
    const envelope = await call(method, path, rest);
    if (envelope.ok) return envelope.data;
    throw new PlatformError('refused', envelope.error, { status: 200 });
  }

  async function report(kind: ReportCall, path: string, rest: Rest): Promise<ReportAnswer> {
    const envelope = await call('PUT', path, rest);
    const answer = readReport(kind, envelope);
    if (!envelope.ok) log.info({ call: kind, answer, text: envelope.error }, 'platform declined a report');
    return answer;
  }

  return {
    skew: () => skew.estimate(),

    async heartbeat(beat, signal) {
      const timeoutMs = Math.min(HEARTBEAT_TIMEOUT_MS, deps.timeoutMs ?? TIMEOUT_MS);
      const body = requests.heartbeatBody(beat);
      const rest: Rest = { body, signal, timeoutMs, priority: 'heartbeat', lane: 'heartbeat' };
      return answers.heartbeatAnswer(await dataOf('POST', `${provider}/heartbeat`, rest));
    },

    async pendingProvision(signal) {
      return answers.workList(await dataOf('GET', `${provider}/contracts/pending-provision`, { signal }));
    },

    async acquireLock(contract, signal) {
      return readLock(await call('POST', `${provider}/contracts/${contract}/lock`, { signal }), clock.now());
    },

    async releaseLock(contract, signal) {
      return (
        (await dataOf('DELETE', `${provider}/contracts/${contract}/lock`, { signal, priority: 'routine' })) === true
      );
    },

    reportProvisioning(contract, signal) {
      return report('provisioning', rentalPath(contract, 'provisioning'), {
        body: requests.statusBody('provisioning', ''),
        signal,
      });
    },

    reportProvisioned(contract, details, signal) {
      // The status word is compared literally: in any other case the status would change and the details be lost.
      const body = requests.statusBody('provisioned', requests.instanceDetailsText(details));
      const secrets = details.root_password === null ? [] : [details.root_password];
      return report('provisioned', rentalPath(contract, 'provisioning'), { body, secrets, signal });
    },

    reportFailed(contract, publicReason, signal) {
      const body = requests.statusBody('provisioning_failed', publicReason);
      return report('failed', rentalPath(contract, 'provisioning'), { body, signal });
    },

    reportTerminated(contract, signal) {
      return report('terminated', `${provider}/contracts/${contract}/terminated`, { signal });
    },

    async reconcile(running, signal) {
      const body = requests.reconcileBody(running);
      return answers.reconciliation(await dataOf('POST', `${provider}/reconcile`, { body, signal }));
    },

    async reportHealth(contract, health, signal) {
      const rest: Rest = { body: requests.healthBody(health), signal, priority: 'routine' };
      await dataOf('POST', `/api/v1/contracts/${contract}/health`, rest);
    },

    async pendingPasswordResets(signal) {
      const path = `${provider}/contracts/pending-password-reset`;
      const envelope = await call('GET', path, { signal, priority: 'routine' });
      if (!envelope.ok) {
        if (isUnlistable(envelope.error)) return { listed: false, text: envelope.error };
        throw new PlatformError('refused', envelope.error, { status: 200 });
      }
      const { contracts, malformed } = answers.contractIds(envelope.data);
      if (malformed > 0) log.warn({ malformed }, 'some password resets could not be read');
      return { listed: true, contracts };
    },

    completePasswordReset(contract, newPassword, signal) {
      // Masked as sent: the platform would quote what it received.
      const rest: Rest = {
        body: requests.passwordBody(newPassword),
        secrets: [newPassword, cleanText(newPassword)],
        signal,
      };
      return report('password', rentalPath(contract, 'password'), rest);
    },

    async pendingKeyRotations(signal) {
      const path = `${provider}/contracts/pending-ssh-key-rotation`;
      const { rotations, malformed } = answers.keyRotations(await dataOf('GET', path, { signal, priority: 'routine' }));
      if (malformed > 0) log.warn({ malformed }, 'some key rotations could not be read');
      return rotations;
    },

    completeKeyRotation(contract, signal) {
      return report('rotation', rentalPath(contract, 'ssh-key-rotation'), { signal });
    },

    async registerGateway(dcId, signal) {
      const path = '/api/v1/agents/gateway/register';
      return answers.acmeDnsAccount(await dataOf('POST', path, { body: wireJson({ dcId }), signal }));
    },

    async createDns({ slug, dcId, publicIp }, signal) {
      const body = wireJson({ action: 'create', slug, dcId, publicIp });
      const envelope = await call('POST', '/api/v1/agents/dns', { body, signal });
      if (envelope.ok) return { outcome: 'done', ...answers.dnsAnswer(envelope.data) };
      if (isDnsRecordThere(envelope.error)) return { outcome: 'exists', text: envelope.error };
      throw new PlatformError('refused', envelope.error, { status: 200 });
    },

    async deleteDns({ slug, dcId }, signal) {
      const body = wireJson({ action: 'delete', slug, dcId });
      return answers.dnsAnswer(await dataOf('POST', '/api/v1/agents/dns', { body, signal }));
    },

    async agentStatus(signal) {
      const envelope = await call('GET', `${provider}/agent-status`, { signal, priority: 'routine' });
      if (envelope.ok) return answers.agentStatus(envelope.data);
      // A provider without any agent is told so by success:false, in words that are not fixed.
      if (/^(Invalid|Public key)/i.test(envelope.error))
        throw new PlatformError('refused', envelope.error, { status: 200 });
      return undefined;
    },
  };
}
