import type { ServiceProgram } from './program.ts';
import type { Credential } from './secrets.ts';

export interface DropIn {
  readonly program: ServiceProgram;
  readonly config: string;
  readonly credentials: readonly Pick<Credential, 'name' | 'file'>[];
  /** Further groups of the service's user. */
  readonly groups: readonly string[];
  /** A state directory that is not the unit's own. */
  readonly stateDir?: string;
}

/** What of the service depends on this host. The unit itself stays as the package has it. */
export function renderDropIn({ program, config, credentials, groups, stateDir }: DropIn): string {
  const command = [path(program.node), ...[program.file, '--config', config, 'run'].map(word)].join(' ');
  return [
    '# Written by "dc-agent setup service", and written anew whenever it runs. Settings of your own belong elsewhere:',
    '# systemctl edit dc-agent',
    '[Service]',
    // The empty one takes the unit's away.
    'ExecStart=',
    `ExecStart=${command}`,
    ...credentials.map(({ name, file }) => `LoadCredential=${name}:${percent(file)}`),
    ...groups.map((group) => `SupplementaryGroups=${group}`),
    ...(stateDir === undefined ? [] : [`ReadWritePaths=${path(stateDir)}`]),
    '',
  ].join('\n');
}

/** An argument of a command as systemd reads it. In the name of the program, unlike here, $ is a letter like any other. */
function word(text: string): string {
  return path(text.replaceAll('$', () => '$$'));
}

function path(text: string): string {
  const plain = percent(text);
  return /[\s"'\\;]/.test(plain) ? `"${plain.replaceAll(/["\\]/g, '\\$&')}"` : plain;
}

/** What % begins is replaced everywhere. */
function percent(text: string): string {
  return text.replaceAll('%', '%%');
}
