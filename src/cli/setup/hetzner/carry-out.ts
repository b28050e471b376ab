import {
  ensureFirewall,
  type HetznerSettings,
  removeFirewall,
  verifyTarget,
} from '../../../../provisioners/hetzner/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import { silentLog } from '../../../ports/log.ts';
import { systemRandom } from '../../../ports/random.ts';
import { causes, Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import { conclude, draftText } from '../conclude.ts';
import { parseTarget } from '../configure.ts';
import { prepareFile } from '../store.ts';
import { placeOf } from './options.ts';
import { openProject } from './project.ts';
import type { Ready } from './run.ts';
import { dropToken, keepToken, tokenFileOf } from './token.ts';

/**
 * Changes the project, looks at it as the agent will, registers, and writes the configuration: in this order, since the setup token
 * works once. Before the token is sent every failure takes back what was made; after that it stays, and the same command goes on.
 */
export async function carryOut(ready: Ready, io: Io): Promise<void> {
  const { options, present, standing, record, plan } = ready;
  const outcome = { options, place: placeOf(options), settings: plan.settings, present, standing };
  // The token is not on this disk yet; all the rest must be right before anything is made for it.
  parseTarget(draftText({ ...outcome, settings: { ...plan.settings, token: 'not known yet' } }), options, io);
  const file = await prepareFile(options.output, draftText(outcome), 'replace');
  const before = record.present;
  try {
    try {
      await makeReady(ready, io);
      await verify(parseTarget<HetznerSettings>(draftText(outcome), options, io), ready, io);
    } catch (error) {
      // What an earlier, complete set-up made is not this one's to take back.
      await takeBack(ready, before, io);
      throw taken(error);
    }
    const stays = 'What was made in the project stays, and the next attempt takes it over: the same command.';
    const noted = record.present === undefined ? [] : [`${stays} Or take it back: dc-agent setup hetzner --undo`];
    await conclude({ ...outcome, stays: noted }, file, io);
  } finally {
    await file.abandon();
  }
}

async function makeReady({ options, record, project, plan, token }: Ready, io: Io): Promise<void> {
  const { firewall } = plan;
  if (firewall !== undefined) {
    io.err(`Making the firewall ${firewall.name}`);
    await record.note({ firewall: firewall.name });
    await ensureFirewall(project, { ...firewall, setup: record.setup });
  }
  const tokenFile = tokenFileOf(options);
  if (plan.steps.some((step) => step.includes(tokenFile))) await keepToken(tokenFile, token, record);
}

/** As the agent will: what is wrong now would be wrong at the first sale. */
async function verify(settings: HetznerSettings, { options, standing }: Ready, io: Io): Promise<void> {
  io.err('Looking at the project as the agent will');
  const deps = {
    agent: standing.key.publicKey,
    target: options.target,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  };
  const failed = (await verifyTarget(settings, deps, io.signal)).filter(({ level }) => level === 'fail');
  if (failed.length === 0) return;
  throw new Failure({
    what: 'the project is not as the agent needs it',
    details: failed.map(({ title, remedy }) => (remedy === undefined ? title : `${title}. ${remedy}`)),
  });
}

/** Removes what this run noted and no earlier one; with a signal of its own, because it may have been interrupted. */
async function takeBack(
  { options, record, project, token, present }: Ready,
  before: Ready['record']['present'],
  io: Io,
) {
  const { firewall, tokenFile } = record.present ?? {};
  if (firewall !== undefined && before?.firewall === undefined) {
    const own = project.asking.signal.aborted
      ? await openProject(record.present?.endpoint ?? '', token, AbortSignal.timeout(30_000))
      : project;
    try {
      const outcome = await removeFirewall(own, { name: firewall, setup: record.setup });
      if (outcome === 'in-use') io.err(`warning: firewall ${firewall} stays: a server has it`);
      else await record.note({ firewall: undefined });
    } catch (error) {
      io.err(`warning: firewall ${firewall} could not be removed: ${causes(error).join(': ')}`);
    } finally {
      if (own !== project) await own.close();
    }
  }
  if (tokenFile !== undefined && present?.target !== undefined) {
    // The configuration goes on naming the file, and means the token that was in it.
    await keepToken(tokenFile, present.target.token, record);
  } else if (tokenFile !== undefined && before?.tokenFile === undefined) {
    await dropToken(tokenFileOf(options));
    await record.note({ tokenFile: undefined });
  }
  const { firewall: left, tokenFile: kept, service } = record.present ?? {};
  if ((left ?? kept ?? service) === undefined) await record.remove();
}

function taken(error: unknown): Failure {
  const said = 'What was made in the project is removed again. The setup token is not spent.';
  if (error instanceof Failure) return new Failure({ ...error.parts, details: [...(error.parts.details ?? []), said] });
  const [what = 'it failed', ...details] = causes(error);
  return new Failure({ what, details: [...details, said] });
}
