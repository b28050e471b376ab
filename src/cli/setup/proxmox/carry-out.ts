import { type ProxmoxSettings, verifyTarget } from '../../../../provisioners/proxmox/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import { silentLog } from '../../../ports/log.ts';
import { systemRandom } from '../../../ports/random.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import { conclude, draftText } from '../conclude.ts';
import { parseTarget } from '../configure.ts';
import { prepareFile } from '../store.ts';
import { changeCluster } from './change.ts';
import { targetSettings } from './configure.ts';
import { snippetFolder } from './host.ts';
import { placeOf } from './options.ts';
import type { Ready, SetupDeps } from './run.ts';
import { dropSecret, keepSecret, secretFileOf } from './secret.ts';

/**
 * Changes the cluster, proves that the agent can work with it, registers, and writes the configuration: in this order, since the setup
 * token works once. Before the token is sent every failure takes back what was made; after that it stays, and the same command goes on.
 */
export async function carryOut(ready: Ready, io: Io, { host }: SetupDeps): Promise<void> {
  const { options, present, standing, apiUrl, place, trust, connection, record, token, plan } = ready;
  const settings = targetSettings({ options, apiUrl, tokenId: token.id, trust: trust.settings, plan }, present);
  const outcome = { options, place: placeOf(options), settings, present, standing };
  const draft = draftText(outcome);
  // The secret is not there yet; all the rest must be right before anything is made for it.
  parseTarget(draftText({ ...outcome, settings: { ...settings, api_token_secret: 'not known yet' } }), options, io);
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
      () => verify(parseTarget<ProxmoxSettings>(draft, options, io), ready, io),
    );
    const stays =
      'What was made on the cluster stays, and the next attempt takes it over: the same command, quickly done.';
    const noted = record.journal.made.length > 0 ? [`${stays} Or take it back: dc-agent setup proxmox --undo`] : [];
    await conclude({ ...outcome, stays: noted }, file, io);
  } finally {
    await file.abandon();
  }
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
