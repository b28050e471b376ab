import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Document, parseDocument, readConfigFile } from '../../../config/document.ts';
import { DEFAULT_STATE_DIR } from '../../../config/load.ts';
import { isTable, type Table, valueAt } from '../../../config/tables.ts';
import { Failure } from '../../failure.ts';
import { replaceValues } from './config-text.ts';
import { renderDropIn } from './drop-in.ts';
import { lines, SERVICE_USER, type ServiceHost, servicePlaces } from './host.ts';
import { checkVisible, findProgram, findUnitFiles, isHidden } from './program.ts';
import { readRecord, type SetupRecord } from './record.ts';
import { chooseCredentials, findCredentials, findSecretFiles } from './secrets.ts';
import { digest, type NewFile } from './steps.ts';

export interface ServiceOptions {
  /** The configuration that the service runs with. */
  readonly config: string;
  /** Groups that the service's user is to be in; once given they stay until it is undone. */
  readonly groups?: readonly string[];
  /** The folder with the unit, when it is not the package's. */
  readonly files?: string;
}

/** Everything that the service will consist of, found out before anything is changed. */
export interface ServicePlan {
  readonly config: string;
  /** The configuration as it will be, and its secrets that systemd will hand over. */
  readonly configText: string;
  readonly credentials: SetupRecord['credentials'];
  /** The files of the service, without the configuration. */
  readonly files: readonly NewFile[];
  readonly stateDir: string | undefined;
  /** What is done now, to be recorded before it is done. */
  readonly record: SetupRecord;
  readonly before: SetupRecord | undefined;
  /** Of all that the running service depends on: configuration, program, Node. */
  readonly runs: string;
  readonly warnings: readonly string[];
}

/** Throws Failure or ConfigError when the service could not work, with nothing changed. */
export async function planService(options: ServiceOptions, host: ServiceHost): Promise<ServicePlan> {
  const places = servicePlaces(host.root);
  const before = await readRecord(places.record);
  const config = resolve(options.config);
  const { text } = readConfigFile(config);
  const document = parseDocument(text, config);
  if (dirname(config) !== places.configuration) {
    await checkVisible(config, 'the service could not read it', 'handed over', host);
  }
  const program = await findProgram(host);
  const folder = await findUnitFiles(program.file, options.files);
  const { configText, credentials } = await handOver(text, config, document, before, host);
  const groups = [...new Set([...(before?.groups ?? []), ...(options.groups ?? [])])];
  await checkGroups(groups, host);
  const stateDir = foreignStateDir(document.content, host);
  const dropIn = renderDropIn({
    program,
    config,
    credentials,
    groups,
    ...(stateDir === undefined ? {} : { stateDir }),
  });
  const packaged = async (name: string, path: string): Promise<NewFile> => {
    return { path, text: await readFile(join(folder, name), 'utf8'), mode: 0o644 };
  };
  const files: NewFile[] = [
    await packaged('dc-agent.sysusers', places.sysusers),
    await packaged('dc-agent.tmpfiles', places.tmpfiles),
    await packaged('dc-agent.service', places.unit),
    { path: places.dropIn, text: dropIn, mode: 0o644, shows: dropIn },
  ];
  const { uid, gid, mode } = await stat(config);
  return {
    config,
    configText,
    credentials,
    files,
    stateDir,
    before,
    runs: digest(configText, await readFile(program.file), program.node, process.version),
    record: {
      version: 1,
      files: Object.fromEntries(files.map((file) => [file.path, digest(file.text)])),
      config:
        before?.config.file === config
          ? before.config
          : { file: config, owner: `${uid}:${gid}`, mode: (mode & 0o7777).toString(8).padStart(4, '0') },
      credentials: [...credentials],
      groups,
    },
    warnings: warnAboutDocker(document.content, groups),
  };
}

/** Secrets that only root can read become credentials; those that an earlier run made of them stay. */
async function handOver(
  text: string,
  config: string,
  document: Document,
  before: SetupRecord | undefined,
  host: ServiceHost,
): Promise<{ configText: string; credentials: SetupRecord['credentials'] }> {
  const inUse = findCredentials(document.content);
  const kept = (before?.credentials ?? []).filter(({ name }) => inUse.has(name));
  const { configuration } = servicePlaces(host.root);
  const reader = { uid: await serviceUid(host), configuration, hides: host.hides };
  const chosen = await chooseCredentials(findSecretFiles(document.content), reader, inUse.keys());
  const replacements = chosen.map(({ path, name }) => ({ path, toml: `{ credential = "${name}" }` }));
  const replaced = replaceValues(text, config, replacements);
  const made = chosen.map(({ name, file }, i) => ({ name, file, was: replaced.were[i] ?? '' }));
  return { configText: replaced.text, credentials: [...kept, ...made] };
}

async function serviceUid(host: ServiceHost): Promise<number | undefined> {
  const { code, stdout } = await host.run(['id', '-u', SERVICE_USER]);
  return code === 0 ? Number(stdout.trim()) : undefined;
}

/** systemd starts nothing with a group that is not there, and says so only in the journal. */
async function checkGroups(groups: readonly string[], host: ServiceHost): Promise<void> {
  for (const group of groups) {
    const { code, stderr } = await host.run(['getent', 'group', group]);
    if (code === 0) continue;
    throw new Failure({
      what: `there is no group ${group} on this host`,
      details: lines(stderr),
      next: 'Look what it is called here:',
      command: 'getent group',
    });
  }
}

/** The unit gives the service /var/lib/dc-agent; another place has to be opened to it. */
function foreignStateDir(document: Table, host: ServiceHost): string | undefined {
  const stateDir = valueAt(document, ['agent', 'state_dir']);
  if (typeof stateDir !== 'string' || resolve(stateDir) === DEFAULT_STATE_DIR) return undefined;
  if (!isHidden(stateDir, host)) return stateDir;
  throw new Failure({
    what: `the state directory ${stateDir} is in a place that the service does not see`,
    next: `Move it, for example to ${DEFAULT_STATE_DIR}, and correct agent.state_dir in the configuration.`,
  });
}

function warnAboutDocker(document: Table, groups: readonly string[]): string[] {
  const all = [document['provisioner'], document['additional_provisioners'], document['targets']].flat();
  if (groups.includes('docker') || !all.some((target) => isTable(target) && target['type'] === 'docker')) return [];
  return [
    'a target drives Docker, whose socket the service may not use. Whoever may use it is root on this host; to allow it, add --group docker.',
  ];
}
