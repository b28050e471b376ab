import type { CommandResult } from './commands.ts';
import type { GuestDisk } from './disk.ts';

const PLACE = /^(\/var\/lib\/dc-agent\/script-[0-9a-f]+)\/run$/;
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/**
 * Plays what the plugin's own program does in a machine: it puts the script together, makes the mark, once, and leaves end and output.
 * The commands are those of the make-believe shell; `sleep` takes no time, and one beyond the limit ends the script, as does
 * `sleep infinity` for ever: then no end is written, as when a machine is cut off. Undefined for any other program.
 */
export function playScript(
  { files }: GuestDisk,
  [program = '', word, limit, , size]: readonly string[],
  shell: (line: string) => CommandResult,
): CommandResult | undefined {
  const place = PLACE.exec(program)?.[1];
  if (place === undefined || !files.has(program)) return undefined;
  const ended = (exitcode: number): CommandResult => ({ exitcode, stdout: '', stderr: '' });
  if (word !== 'begin') return ended(2);
  const parts = [...files.keys()].filter((path) => path.startsWith(`${place}/part-`)).sort();
  const script = parts.map((path) => files.get(path) ?? '').join('');
  for (const path of parts) files.delete(path);
  if (files.has(`${place}/begun`)) return ended(91);
  if (Buffer.byteLength(script) !== Number(size)) return ended(92);
  files.set(`${place}/begun`, files.get(BOOT_ID) ?? '\n');
  const slept = /^sleep (\S+)$/m.exec(script)?.[1];
  files.delete(`${place}/environment`);
  if (slept === 'infinity') return ended(0);
  const late = Number(slept ?? 0) > Number(limit);
  const { exitcode, stdout, stderr } = late ? ended(124) : shell(script.replaceAll(/^(?:#|sleep ).*$/gm, ''));
  files.set(`${place}/last`, `${stdout}${stderr}`.slice(-16_384));
  files.set(`${place}/exit`, `${exitcode} ${late ? limit : (slept ?? 0)}\n`);
  return ended(0);
}
