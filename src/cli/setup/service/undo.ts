import { parseDocument } from '../../../config/document.ts';
import { replaceValues } from './config-text.ts';
import { type ServiceHost, servicePlaces, UNIT } from './host.ts';
import type { SetupRecord } from './record.ts';
import { findCredentials } from './secrets.ts';
import { command, digest, readIfThere, remove, type Step, unlinkFolder, write } from './steps.ts';

export interface UndoPlan {
  readonly steps: readonly Step[];
  /** Files that stay, because they are no longer as this command wrote them. */
  readonly kept: readonly string[];
}

/**
 * What takes back exactly what the record says. State, keys, the configuration and the user stay: the user owns the state, and
 * whoever got its number next would own it too. The record goes last, so that a process that dies in between can be repeated.
 */
export async function planUndo(record: SetupRecord, host: ServiceHost): Promise<UndoPlan> {
  const places = servicePlaces(host.root);
  const kept: string[] = [];
  const removals: Step[] = [];
  for (const [path, written] of Object.entries(record.files)) {
    const present = await readIfThere(path);
    if (present === undefined) continue;
    if (digest(present) === written)
      removals.push(remove(path, path === places.dropIn ? 'and empty folder' : 'keep folder'));
    else kept.push(path);
  }
  const hasUnit = (await readIfThere(places.unit)) !== undefined;
  const steps = [
    ...(hasUnit ? [command(host, 'systemctl', 'disable', '--now', UNIT)] : []),
    ...(await restoreConfig(record, host)),
    ...removals,
    ...(record.credentials.length === 0 ? [] : [unlinkFolder(places.credentials)]),
    command(host, 'systemctl', 'daemon-reload'),
    remove(places.record, 'keep folder'),
  ];
  return { steps, kept };
}

async function restoreConfig({ config, credentials }: SetupRecord, host: ServiceHost): Promise<Step[]> {
  const { file, owner, mode } = config;
  const text = await readIfThere(file);
  if (text === undefined) return [];
  const paths = findCredentials(parseDocument(text, file).content);
  const back = credentials.flatMap(({ name, was }) => {
    const path = paths.get(name);
    return path === undefined ? [] : [{ path, toml: was, shows: `{ credential = "${name}" }  becomes  ${was}` }];
  });
  const shows = back.map((one) => one.shows).join('\n');
  return [
    ...(back.length === 0
      ? []
      : [write({ path: file, text: replaceValues(text, file, back).text, mode: 'kept', shows })]),
    command(host, 'chown', owner, file),
    command(host, 'chmod', mode, file),
  ];
}
