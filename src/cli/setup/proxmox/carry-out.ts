import { type ProxmoxSettings, verifyTarget } from '../../../../provisioners/proxmox/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import { silentLog } from '../../../ports/log.ts';
import { systemRandom } from '../../../ports/random.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import { type Registration, register } from '../register.ts';
import { type PreparedFile, prepareFile } from '../store.ts';
import { changeCluster } from './change.ts';
import type { Settings } from './config-text.ts';
import { configText, parseTarget, setupPlanOf, targetSettings } from './configure.ts';
import { snippetFolder } from './host.ts';
import type { Ready, SetupDeps } from './run.ts';
import { dropSecret, keepSecret, secretFileOf } from './secret.ts';

/**
 * Changes the cluster, proves that the agent can work with it, registers, and writes the configuration: in this order, since the setup
 * token works once. Before the token is sent every failure takes back what was made; after that it stays, and the same command goes on.
 */
export async function carryOut(ready: Ready, io: Io, { host }: SetupDeps): Promise<void> {
  const { options, present, standing, apiUrl, place, trust, connection, record, token, plan } = ready;
  const settings = targetSettings({ options, apiUrl, tokenId: token.id, trust: trust.settings, plan }, present);
  const draft = textFor(ready, settings, STAND_IN);
  // The secret is not there yet; all the rest must be right before anything is made for it.
  parseTarget(textFor(ready, { ...settings, api_token_secret: 'not known yet' }, STAND_IN), options, io);
  const file = await prepareFile(options.output, draft, 'replace');
  const secretFile = secretFileOf(options);
  try {
    await changeCluster(
      plan.steps,
      {
        connection,
        record,
        io,
        snippets: place === 'the host' ? snippetFolder(host) : undefined,
        keepToken: ({ secret }) => keepSecret(secretFile, secret, record),
        // An earlier configuration goes on naming the file: without it the whole of it would be invalid.
        forgetToken: async () => (present?.target === undefined ? dropSecret(secretFile) : undefined),
      },
      () => verify(parseTarget(draft, options, io), ready, io),
    );
    const registration = standing.registered ? undefined : await registerNow(ready, settings, io);
    await writeConfig(ready, settings, registration, file, io);
  } finally {
    await file.abandon();
  }
}

const STAND_IN = '0'.repeat(64);

function textFor(
  { options, present, standing }: Ready,
  settings: Settings,
  providerPubkey: string,
  poolId?: string,
): string {
  const identity = { providerPubkey, keyFile: standing.keyFile, ...(poolId === undefined ? {} : { poolId }) };
  return configText(options, settings, identity, present) ?? present?.text ?? '';
}

/** With the agent's own token: what is missing now would be missing at the first sale. */
async function verify(settings: ProxmoxSettings, { options, standing }: Ready, io: Io): Promise<void> {
  io.err('Looking at the cluster with the agent’s own token');
  const deps = {
    agent: standing.key.publicKey,
    target: options.target,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  };
  const findings = await verifyTarget(settings, deps, io.signal);
  const failed = findings.filter(({ level }) => level === 'fail');
  if (failed.length === 0) return;
  throw new Failure({
    what: 'the cluster is not as the agent needs it',
    details: failed.map(({ title, remedy }) => (remedy === undefined ? title : `${title}. ${remedy}`)),
  });
}

async function registerNow({ options, standing, record }: Ready, settings: Settings, io: Io): Promise<Registration> {
  io.err('Registering this host');
  try {
    return await register(setupPlanOf(options, settings), standing.key, standing.link);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const stays =
      'What was made on the cluster stays, and the next attempt takes it over: the same command, quickly done.';
    const noted = record.journal.made.length > 0 ? [`${stays} Or take it back: dc-agent setup proxmox --undo`] : [];
    throw new Failure({ ...error.parts, details: [...(error.parts.details ?? []), ...noted] });
  }
}

async function writeConfig(
  ready: Ready,
  settings: Settings,
  registration: Registration | undefined,
  file: PreparedFile,
  io: Io,
): Promise<void> {
  const { options, present } = ready;
  const providerPubkey = registration?.providerPubkey ?? present?.config.api.providerPubkey ?? STAND_IN;
  const text = textFor(ready, settings, providerPubkey, registration?.poolId);
  report(ready, registration, io);
  if (text === present?.text) return io.out(`${options.output} is as it should be.`);
  try {
    const { backup } = await file.commit(text);
    io.out(`Wrote ${options.output} (mode 0600).`);
    if (backup !== undefined) io.out(`The file that was there is now ${backup}.`);
  } catch (cause) {
    const command = registration === undefined ? '' : ` --provider-pubkey ${providerPubkey}`;
    throw new Failure({
      what: `${options.output} could not be written${registration === undefined ? '' : `, and this host is registered (provider ${providerPubkey})`}`,
      next: 'Make room or correct the rights, then finish; no setup token is needed any more:',
      command: `dc-agent setup proxmox${command}, with the options of this call`,
      cause,
    });
  }
}

function report({ present }: Ready, registration: Registration | undefined, io: Io): void {
  if (registration === undefined) {
    return io.out(
      `This host is registered already with provider ${present?.config.api.providerPubkey ?? ''}; no token was used.`,
    );
  }
  const { poolName, poolId, poolLocation, provisionerType, providerPubkey } = registration;
  const pool = [poolName, poolId, poolLocation].filter((part) => part !== undefined && part !== '').join(', ');
  io.out(`Registered with provider ${providerPubkey}${pool === '' ? '' : `, pool ${pool}`}.`);
  if (provisionerType !== undefined && provisionerType !== 'proxmox') {
    io.err(`warning: the pool is for ${provisionerType}; offerings of another type than proxmox are left alone.`);
  }
}
