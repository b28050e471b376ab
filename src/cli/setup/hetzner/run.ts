import {
  type HetznerSettings,
  type SetupProject,
  type Survey,
  surveyProject,
} from '../../../../provisioners/hetzner/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import type { Secret } from '../../../ports/secret.ts';
import { EXIT, type ExitCode } from '../../exit.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import type { Asker } from '../ask.ts';
import { settingForm } from '../config-text.ts';
import type { Finish } from '../finish.ts';
import { checkLocation } from '../location.ts';
import { type Present, readPresent } from '../present.ts';
import { agree, askAboutLocation } from '../questions.ts';
import { type Standing, settleStanding } from '../standing.ts';
import { carryOut } from './carry-out.ts';
import { type Choosing, type Plan, planTarget } from './choose.ts';
import { DEFAULT_ENDPOINT, type HetznerOptions, placeOf, usage } from './options.ts';
import { openProject } from './project.ts';
import { openRecord, type SetupRecord } from './record.ts';
import { showLocations, showOffers, showPlan, showVerdicts } from './show.ts';
import { checked, findToken, tokenFileOf } from './token.ts';

/** What of the world the setup uses besides the project and the platform. */
export interface SetupDeps {
  /** Absent without a terminal. */
  readonly ask: Asker | undefined;
  /** Of this host, as `Europe/Berlin`. */
  readonly zone: string;
  readonly finish: Finish;
}

/** Everything that is known before anything is changed. */
export interface Ready {
  readonly options: HetznerOptions;
  readonly present: Present<HetznerSettings> | undefined;
  readonly standing: Standing;
  readonly record: SetupRecord;
  readonly project: SetupProject;
  readonly plan: Plan;
  readonly token: Secret;
}

/**
 * From an empty project to a running agent. First everything is looked at that could stand against it, here, on the platform and in
 * the project; then the project is changed; then it is looked at as the agent will; and only then is the setup token spent.
 */
export async function setUp(given: HetznerOptions, io: Io, deps: SetupDeps): Promise<ExitCode> {
  const { ask } = deps;
  const present = await readPresent<HetznerSettings>(given.output, placeOf(given), io);
  const endpoint = given.endpoint ?? present?.target?.endpoint ?? DEFAULT_ENDPOINT;
  const record = await openRecord(given, endpoint);
  const known = await findToken(given, present?.target, record, io);
  const { options, token } = await completed(given, known, present, ask);
  await askAboutLocation(options, deps.zone, io, ask);
  const standing = options.dryRun ? undefined : await settleStanding(options, present);
  try {
    const project = await openProject(endpoint, token, io.signal);
    try {
      const survey = await surveyProject(project);
      showVerdicts(survey, io);
      await settlePurity(survey, options, ask);
      const choosing = choosingOf(options, survey, present, token);
      if (standing === undefined) return await rehearse(choosing, io, ask);
      const plan = await planTarget(choosing, io, ask);
      showPlan(plan, survey, checkLocation(options.token, options.location, deps.zone).pool, systemClock.now(), io);
      if (!options.yes) await agree('in the project', ask);
      await carryOut({ options, present, standing, record, project, plan, token }, io);
    } finally {
      await project.close();
    }
  } finally {
    await standing?.link.close();
  }
  return deps.finish.done(options, record, io);
}

/** Asks for what is missing, and where nobody can be asked says all of it at once. */
async function completed(
  options: HetznerOptions,
  known: Secret | undefined,
  present: Present | undefined,
  ask: Asker | undefined,
): Promise<{ options: HetznerOptions; token: Secret }> {
  const { token, providerPubkey, dryRun } = options;
  const needsSetupToken = present === undefined && (token ?? providerPubkey) === undefined && !dryRun;
  if (ask === undefined) {
    const missing = [
      ...(known === undefined
        ? ['--api-token-file <file>: the API token of the project; - reads it from standard input']
        : []),
      ...(needsSetupToken
        ? ['--token <token>: the setup token of the pool’s page; - reads it from standard input']
        : []),
      ...(options.yes || dryRun ? [] : ['--yes: begin without asking']),
    ];
    if (known === undefined || missing.length > 0) {
      throw usage('there is no terminal to ask at, and these options are missing', missing);
    }
    return { options, token: known };
  }
  const apiToken = known ?? checked(await ask.secret('API token of the Hetzner project (read and write)'));
  const asked = needsSetupToken ? await ask.secret('Setup token of the pool’s page') : undefined;
  return { options: { ...options, ...(asked === undefined ? {} : { token: asked }) }, token: apiToken };
}

/** Requests, limits and the bill are counted for each project, and what is not the agent's is then easy to see. */
async function settlePurity({ strangers }: Survey, options: HetznerOptions, ask: Asker | undefined): Promise<void> {
  if (strangers.length === 0 || options.shared || options.dryRun) return;
  if (ask !== undefined && !options.yes && (await ask.confirm('Use this project all the same?', 'no'))) return;
  throw new Failure({
    what: `the project holds ${strangers.length} servers that no agent made`,
    next: 'Take the token of a project of its own; or say --shared-project. Nothing was changed, and the setup token is not spent.',
  });
}

/** Without a choice it is the catalogue that is asked for. */
async function rehearse(choosing: Choosing, io: Io, ask: Asker | undefined): Promise<ExitCode> {
  const { options, survey, earlier, now } = choosing;
  const isChosen = options.types.length > 0 && options.offerings.length > 0 && options.locations.length > 0;
  if (isChosen || earlier !== undefined || ask !== undefined) {
    showPlan(await planTarget(choosing, io, ask), survey, undefined, now, io);
  } else {
    showLocations(survey, (text) => io.out(text));
    const names = options.locations.length > 0 ? options.locations : survey.locations.map(({ name }) => name);
    for (const name of names) showOffers(survey, name, options.ipv4 ?? 'own', now, (text) => io.out(text));
    io.err('Choose with --in, --type and --offering.');
  }
  io.err('Nothing was changed.');
  return EXIT.ok;
}

function choosingOf(
  options: HetznerOptions,
  survey: Survey,
  present: Present<HetznerSettings> | undefined,
  token: Secret,
): Choosing {
  const earlier = present?.target;
  const file = tokenFileOf(options);
  const form = present && settingForm(present.text, options.output, placeOf(options), 'token');
  const written = typeof form === 'object' && form !== null ? form : undefined;
  // A credential of the service stays one: systemd reads the same file.
  const isCredential =
    written !== undefined && 'credential' in written && file.endsWith(`/${String(written.credential)}`);
  const isKept = earlier?.token.reveal() === token.reveal() && written !== undefined;
  return {
    options,
    survey,
    earlier,
    token: isCredential ? { credential: String(written.credential) } : { file: keptFile(written, isKept) ?? file },
    keeps: isKept ? undefined : file,
    now: systemClock.now(),
  };
}

/** The operator's own file stays the one that is named, while it holds the token that is used. */
function keptFile(written: object | undefined, isKept: boolean): string | undefined {
  return isKept && written !== undefined && 'file' in written && typeof written.file === 'string'
    ? written.file
    : undefined;
}
