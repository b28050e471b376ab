import type { HostKeyTrust, RecipeEnd } from '../../lifecycle/index.ts';
import type { Colors } from '../io.ts';
import { duration, moment } from '../text/duration.ts';
import { oneLine, table } from '../text/table.ts';
import type { TimelineEntry } from './timeline.ts';

export interface Story {
  readonly contract: string;
  readonly target: string;
  readonly phase: string;
  /** Why it is where it is. */
  readonly why: string;
  /** What comes next, or what it waits for. */
  readonly next: string;
  readonly hostKey?: { readonly fingerprint: string; readonly trust: HostKeyTrust };
  /** How the recipe ended, with what it printed. */
  readonly recipe?: RecipeEnd;
  /** Its ports at the host's address, where it needs them. */
  readonly route?: string;
  readonly entries: readonly TimelineEntry[];
}

/** The story for people: each line with the time since the line before, which is where slowness shows. */
export function renderStory(story: Story, colors: Colors): string {
  const rows = story.entries.map((entry, index) => {
    const before = story.entries[index - 1];
    const delta = before === undefined ? '' : `+${duration(Math.max(0, entry.at - before.at))}`;
    // Cleaned before it is coloured: the words come from backends.
    const text = oneLine(entry.text);
    return [
      moment(entry.at),
      delta,
      entry.level === 'bad' ? colors.red(text) : text,
      colors.dim(oneLine(entry.detail ?? '')),
    ];
  });
  const head = [
    `${colors.bold('contract')}  ${story.contract}`,
    `${colors.bold('target')}    ${oneLine(story.target)}`,
    `${colors.bold('phase')}     ${story.phase}${story.why === '' ? '' : ` (${oneLine(story.why)})`}`,
    `${colors.bold('next')}      ${oneLine(story.next)}`,
    // The platform would count every report of a machine that is off as downtime.
    ...(story.phase === 'paused'
      ? [`${colors.bold('health')}    neither asked nor reported while paused, by design`]
      : []),
    ...(story.hostKey === undefined
      ? []
      : [`${colors.bold('host key')}  ${oneLine(story.hostKey.fingerprint)} (${story.hostKey.trust})`]),
    ...(story.recipe === undefined ? [] : [`${colors.bold('recipe')}    ${oneLine(story.recipe.summary)}`]),
    ...(story.route === undefined ? [] : [`${colors.bold('route')}     ${oneLine(story.route)}`]),
  ];
  const body = table([{ title: '' }, { title: '', align: 'right' }, { title: '' }, { title: '' }], rows);
  const parts = [...head, '', rows.length === 0 ? 'No steps are recorded.' : body, ...printed(story.recipe, colors)];
  return parts.join('\n');
}

/** Line by line and each cleaned: a machine's root chose these words. */
function printed(recipe: RecipeEnd | undefined, colors: Colors): string[] {
  const lines = recipe?.output.split('\n').filter((line) => line.trim() !== '') ?? [];
  if (lines.length === 0) return [];
  return ['', colors.bold('the last that the recipe printed'), ...lines.map((line) => `  ${oneLine(line)}`)];
}
