import { builtinPlugins } from '../../../provisioners/index.ts';
import { ConfigError, formatProblem, parseConfig } from '../../config/index.ts';
import { serviceEnv } from '../configuration.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { type Settings, type TargetPlace, withTarget } from './config-text.ts';
import type { SetupOptions } from './options.ts';
import type { SetupPlan } from './plan.ts';
import type { Present } from './present.ts';
import { type Identity, renderConfig } from './render.ts';

/** The whole file; undefined when what is there is right. */
export function configText(
  options: SetupOptions,
  place: TargetPlace,
  settings: Settings,
  identity: Identity,
  present: Present | undefined,
): string | undefined {
  if (present === undefined) return renderConfig(setupPlanOf(options, place, settings), identity);
  return withTarget(present.text, options.output, place, settings);
}

/** As `setup token` has it, for what both do alike. */
export function setupPlanOf(options: SetupOptions, { type, command }: TargetPlace, settings: Settings): SetupPlan {
  const { platformUrl: endpoint, token, providerPubkey, output, keyDir, stateDir, target } = options;
  return {
    endpoint,
    output,
    replace: true,
    keyDir,
    provisioner: type,
    target,
    settings,
    command,
    ...(token === undefined ? {} : { token }),
    ...(providerPubkey === undefined ? {} : { providerPubkey }),
    ...(stateDir === undefined ? {} : { stateDir }),
  };
}

/** The target's settings as the agent will read them; `S` is what its plugin takes. Throws Failure when the file would not be valid. */
export function parseTarget<S>(text: string, { output, target }: SetupOptions, io: Io): S {
  try {
    const config = parseConfig(text, output, { plugins: builtinPlugins, env: serviceEnv(io.env) });
    const found = config.targets.find(({ name }) => name === target);
    if (found !== undefined) return found.settings as S;
    throw new Failure({ what: `${output} would have no target ${target}` });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new Failure({
      what: 'the configuration would not be valid',
      details: error.problems.map((problem) => formatProblem({ ...problem, line: 0 }).replace(`${output}: `, '')),
      next: 'Correct the options, --set above all. The setup token is not spent.',
      exit: EXIT.config,
    });
  }
}
