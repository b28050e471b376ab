import {
  type Connection,
  connect,
  type ProxmoxSettings,
  tokenName,
} from '../../../../provisioners/proxmox/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import { EXIT, type ExitCode } from '../../exit.ts';
import type { Io } from '../../io.ts';
import type { Asker } from '../ask.ts';
import type { Finish } from '../finish.ts';
import type { SetupHost } from '../host.ts';
import { checkLocation } from '../location.ts';
import { type Present, readPresent } from '../present.ts';
import { agree, askAboutLocation } from '../questions.ts';
import { keyForShow, type Standing, settleStanding } from '../standing.ts';
import { carryOut } from './carry-out.ts';
import { type ClusterPlan, planCluster } from './cluster.ts';
import { isProxmoxHost } from './host.ts';
import { chooseLogin, isLoginGiven, LOGIN_OPTIONS } from './login.ts';
import { type ProxmoxOptions, placeOf, usage } from './options.ts';
import { openRecord, recordFile, type SetupRecord } from './record.ts';
import { findWorkingSecret } from './secret.ts';
import { showCalls, showPlan } from './show.ts';
import { type SettledTrust, settleTrust } from './trust.ts';

/** What of the world the setup uses besides the cluster and the platform. */
export interface SetupDeps {
  readonly host: SetupHost;
  /** Absent without a terminal. */
  readonly ask: Asker | undefined;
  /** Of this host, as `Europe/Berlin`. */
  readonly zone: string;
  readonly finish: Finish;
  /** Where the API of this very host answers, when it is a node. */
  readonly ownApi: string;
}

export type Place = 'the host' | 'elsewhere';

/** Everything that is known before the cluster is changed. */
export interface Ready {
  readonly options: ProxmoxOptions;
  readonly present: Present<ProxmoxSettings> | undefined;
  readonly standing: Standing;
  readonly apiUrl: string;
  readonly place: Place;
  readonly trust: SettledTrust;
  readonly connection: Connection;
  readonly record: SetupRecord;
  readonly token: { readonly name: string; readonly id: string };
  readonly plan: ClusterPlan;
}

/**
 * From a bare cluster to a running agent. First everything is looked at that could stand against it, here, on the platform and on the
 * cluster; then the cluster is changed; then it is looked at with the agent's own token; and only then is the setup token spent.
 */
export async function setUp(given: ProxmoxOptions, io: Io, deps: SetupDeps): Promise<ExitCode> {
  const { host, ask } = deps;
  const place: Place = given.apiUrl === undefined && (await isProxmoxHost(host)) ? 'the host' : 'elsewhere';
  const present = await readPresent<ProxmoxSettings>(given.output, placeOf(given), io);
  const options = await completed(given, place, present, io, deps);
  await askAboutLocation(options, deps.zone, io, ask);
  const apiUrl = options.apiUrl ?? present?.target?.api_url ?? deps.ownApi;
  const record = await openRecord(recordFile(options.output, options.target), apiUrl);
  const standing = options.dryRun ? undefined : await settleStanding(options, present);
  try {
    const trust = await settleTrust(apiUrl, options, present?.target ?? {}, io, host, ask);
    const login = await chooseLogin(options, place, io, host, ask);
    try {
      const connection = await connect(apiUrl, trust.trust, login.who, systemClock, io.signal);
      try {
        const key = standing?.key.publicKey ?? (await keyForShow(options, present));
        const name = tokenName(host.name, key, options.target);
        const token = { name, id: `${options.user}!${name}` };
        const secret = await findWorkingSecret(
          { url: apiUrl, trust: trust.trust, id: token.id },
          present?.target,
          record,
          io.signal,
        );
        const plan = await planCluster(
          connection,
          {
            options,
            place,
            host: host.name,
            apiUrl,
            setup: record.setup,
            token: name,
            tokenState: secret === undefined ? 'needed' : 'works',
            earlier: present?.target,
          },
          ask,
          io.signal,
        );
        showPlan(apiUrl, plan, checkLocation(options.token, options.location, deps.zone).pool, io);
        if (standing === undefined) {
          await showCalls(plan.steps, io);
          io.err('Nothing was changed.');
          return EXIT.ok;
        }
        if (!options.yes && plan.steps.length > 0) await agree('on the cluster', ask);
        const ready = { options, present, standing, apiUrl, place, trust, connection, record, token, plan };
        await carryOut(ready, io, deps);
      } finally {
        await connection.close();
      }
    } finally {
      await login.end();
    }
  } finally {
    await standing?.link.close();
  }
  return deps.finish.done(options, record, io);
}

/** Asks for what is missing, and where nobody can be asked says all of it at once. */
async function completed(
  options: ProxmoxOptions,
  place: Place,
  present: Present<ProxmoxSettings> | undefined,
  io: Io,
  { ask }: SetupDeps,
): Promise<ProxmoxOptions> {
  const needsUrl = place === 'elsewhere' && options.apiUrl === undefined && present?.target === undefined;
  const { token, providerPubkey, dryRun } = options;
  const needsToken = present === undefined && (token ?? providerPubkey) === undefined && !dryRun;
  if (ask === undefined) {
    const needsLogin = (place === 'elsewhere' || dryRun) && !isLoginGiven(options, io);
    const missing = [
      ...(needsUrl
        ? ['--api-url <url>: where the Proxmox VE API answers (this is no Proxmox host, or you are not root)']
        : []),
      ...(needsLogin ? [`${LOGIN_OPTIONS}: who sets the cluster up`] : []),
      ...(needsToken ? ['--token <token>: the setup token of the pool’s page; - reads it from standard input'] : []),
      ...(options.yes || dryRun ? [] : ['--yes: begin without asking']),
    ];
    if (missing.length > 0) throw usage('there is no terminal to ask at, and these options are missing', missing);
    return options;
  }
  const apiUrl = needsUrl
    ? await ask.text('Address of the Proxmox VE API, such as https://pve.example.org:8006')
    : undefined;
  const asked = needsToken ? await ask.secret('Setup token of the pool’s page') : undefined;
  return {
    ...options,
    ...(apiUrl === undefined ? {} : { apiUrl }),
    ...(asked === undefined ? {} : { token: asked }),
  };
}
