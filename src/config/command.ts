import { inspectConfig, type LoadOptions } from './load.ts';
import { ConfigError, formatProblem, formatWarning } from './types.ts';

/** What a `dc-agent config ...` command has to say: `text` for people, `json` for `--json`. */
export interface ConfigReport {
  readonly ok: boolean;
  readonly text: string;
  readonly json: unknown;
}

/** `dc-agent config check`: reads the whole file, and every secret that it names a file or credential for; touches nothing else. */
export function configCheck(file: string, options: LoadOptions): ConfigReport {
  return reportErrors(file, () => {
    const { targets, warnings } = inspectConfig(file, options).config;
    const list = targets.map(({ name, type }) => (name === type ? name : `${name} (${type})`)).join(', ');
    const summary = `${file}: valid; ${targets.length === 1 ? 'target' : 'targets'} ${list}`;
    return {
      ok: true,
      text: [...warnings.map(formatWarning), summary].join('\n'),
      json: { file, valid: true, problems: [], warnings, targets: targets.map(({ name, type }) => ({ name, type })) },
    };
  });
}

/** Turns the refusal of a file into a report; whatever else is thrown passes. */
export function reportErrors(file: string, run: () => ConfigReport): ConfigReport {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { problems } = error;
    const summary = `${file}: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}`;
    return {
      ok: false,
      text: [...problems.map(formatProblem), summary].join('\n'),
      json: { file, valid: false, problems, warnings: [] },
    };
  }
}
