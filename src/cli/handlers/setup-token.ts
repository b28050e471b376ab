import { builtinPlugins } from '../../../provisioners/index.ts';
import { ConfigError, formatProblem, parseConfig } from '../../config/index.ts';
import type { Handler } from '../command.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { openPlatform } from '../platform.ts';
import { ensureKey } from '../setup/key.ts';
import { planSetup, type SetupPlan } from '../setup/plan.ts';
import { checkReachable, type Registration, register } from '../setup/register.ts';
import { type Identity, renderConfig } from '../setup/render.ts';
import { type PreparedFile, prepareFile } from '../setup/store.ts';

/**
 * The order is the point: plan, key, a valid draft, a writable place, a reachable platform, and only then the token, which
 * works once. From then on whatever goes wrong is answered with what the operator needs to finish.
 */
export const setupToken: Handler = async (args, io) => {
  const plan = await planSetup(args, io, [...builtinPlugins.keys()]);
  // Before a key is made for nothing: settings that cannot work are the commonest mistake. The agent's key stands in for the provider's.
  validate(plan, { providerPubkey: STAND_IN, keyFile: `${plan.keyDir}/agent.key` }, io);
  const { key, file: keyFile, made, warnings } = await ensureKey(plan.keyDir);
  io.err(`${made === 'now' ? 'Made' : 'Using'} the agent key ${key.publicKey} in ${plan.keyDir}.`);
  for (const warning of warnings) io.err(`warning: ${warning}`);
  const draft = renderConfig(plan, { providerPubkey: key.publicKey, keyFile });
  const place = await prepareFile(plan.output, draft, plan.replace ? 'replace' : 'refuse');
  const link = openPlatform(plan.endpoint);
  try {
    await checkReachable(link, plan.endpoint);
    const registration = await register(plan, key, link);
    const backup = await write(place, plan, registration, keyFile, io);
    report(plan, registration, backup, io);
    return EXIT.ok;
  } finally {
    await link.close();
    await place.abandon();
  }
};

const STAND_IN = '0'.repeat(64);

function validate(plan: SetupPlan, identity: Identity, io: Io): string {
  const text = renderConfig(plan, identity);
  try {
    parseConfig(text, plan.output, { plugins: builtinPlugins, env: io.env });
    return text;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new Failure({
      what: 'the configuration would not be valid',
      // Lines of a file that is not written help nobody; the paths of the keys do.
      details: error.problems.map((problem) => formatProblem({ ...problem, line: 0 }).replace(`${plan.output}: `, '')),
      next: `Give the missing settings of ${plan.provisioner} with --set key=value. The token is not spent.`,
      exit: EXIT.config,
    });
  }
}

async function write(
  place: PreparedFile,
  plan: SetupPlan,
  registration: Registration,
  keyFile: string,
  io: Io,
): Promise<string | undefined> {
  const { providerPubkey, poolId } = registration;
  try {
    const text = validate(plan, { providerPubkey, keyFile, ...(poolId === undefined ? {} : { poolId }) }, io);
    return (await place.commit(text)).backup;
  } catch (cause) {
    throw new Failure({
      what: `this host is registered (provider ${providerPubkey}), but ${plan.output} could not be written`,
      next: 'Make room or correct the rights, then finish; the token is not needed any more:',
      command: `dc-agent setup token --provider-pubkey ${providerPubkey} --provisioner ${plan.provisioner}, with the options of this call`,
      cause,
    });
  }
}

function report(plan: SetupPlan, registration: Registration, backup: string | undefined, io: Io): void {
  const { poolId, poolName, poolLocation, provisionerType, providerPubkey } = registration;
  const pool = [poolName, poolId, poolLocation].filter((part) => part !== undefined && part !== '').join(', ');
  io.out(`Registered with provider ${providerPubkey}${pool === '' ? '' : `, pool ${pool}`}.`);
  io.out(`Wrote ${plan.output} (mode 0600).`);
  if (backup !== undefined) io.out(`The file that was there is now ${backup}.`);
  if (provisionerType !== undefined && provisionerType !== plan.provisioner) {
    io.err(
      `warning: the pool is for ${provisionerType}, this agent serves ${plan.provisioner}; offerings of another type are left alone.`,
    );
  }
  io.out('Next:');
  io.out(`  dc-agent --config ${plan.output} doctor`);
  io.out(`  dc-agent --config ${plan.output} run`);
}
