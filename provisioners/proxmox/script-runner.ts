import { type GuestScript, type OperationId, ProvisionerError } from '../../src/provisioner/index.ts';

/** Between the signal to end and the one that cannot be refused. */
export const GRACE_SECONDS = 10;

/** How `run begin` ends. */
export const BEGIN = { begun: 0, noTimeout: 90, alreadyBegun: 91, incomplete: 92 } as const;

/** Where everything of one operation's script is in its machine: root's alone. */
export function placeOf(operation: OperationId): string {
  if (!/^[0-9a-f]{8,64}$/.test(operation)) throw new RangeError('an operation id is hexadecimal');
  return `/var/lib/dc-agent/script-${operation}`;
}

/** What the guest agent writes at once, before it is encoded: 60 KiB of Base64. */
const PART_BYTES = 45 * 1024;
export const MAX_SCRIPT_BYTES = 64 * 1024;

/** The files to be put in the place. Throws `permanent` for a script that is too large. */
export function filesOf({ content, environment }: GuestScript): { name: string; content: Uint8Array }[] {
  const script = Buffer.from(content.startsWith('#!') ? content : `#!/bin/sh\n${content}`);
  if (Buffer.byteLength(content) > MAX_SCRIPT_BYTES) {
    const text = 'The post-provision script is larger than 64 KiB.';
    throw new ProvisionerError('permanent', text, { publicText: text });
  }
  const parts: { name: string; content: Uint8Array }[] = [];
  for (let at = 0; at < script.length; at += PART_BYTES) {
    parts.push({ name: `part-${parts.length}`, content: script.subarray(at, at + PART_BYTES) });
  }
  const lines = Object.entries(environment).map(([name, value]) => `export ${variable(name)}=${quoted(value)}\n`);
  return [
    { name: 'run', content: Buffer.from(RUNNER) },
    { name: 'environment', content: Buffer.from(lines.join('')) },
    ...parts,
  ];
}

/** The size that `run begin` must find. */
export function sizeOf(files: ReturnType<typeof filesOf>): number {
  return files.filter(({ name }) => name.startsWith('part-')).reduce((sum, { content }) => sum + content.length, 0);
}

function variable(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw new ProvisionerError('permanent', `'${name.slice(0, 80)}' cannot be the name of a variable`);
}

/** Within single quotes only their end has a meaning; no shell can hold a zero byte. */
function quoted(value: string): string {
  return `'${value.replaceAll('\0', '').replaceAll("'", "'\\''")}'`;
}

/**
 * `begin SECONDS GRACE SIZE` puts the script together, makes the mark, which can be made once only (noclobber), and starts `go` apart
 * from the guest agent: a script that renews that package must not end with it. `go` keeps the last 16 KiB of the first 4 MiB of output
 * (by `dd`, which writes what it has read at once), and writes the end whole. The mark tells in which boot it was made. The script may hold secrets, so it does not stay.
 */
export const RUNNER = `#!/bin/sh
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
place=\${0%/run}
cd "$place" || exit ${BEGIN.incomplete}
case $1 in
begin)
  command -v timeout >/dev/null || exit ${BEGIN.noTimeout}
  cat part-* >"script.$$" 2>/dev/null
  if [ "$(wc -c <"script.$$")" -ne "$4" ]; then
    rm -f "script.$$" part-*
    [ -e begun ] && exit ${BEGIN.alreadyBegun}
    exit ${BEGIN.incomplete}
  fi
  boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
  if ! (set -C && printf '%s\\n' "$boot" >begun) 2>/dev/null; then
    rm -f "script.$$" part-*
    exit ${BEGIN.alreadyBegun}
  fi
  chmod 700 "script.$$" && mv "script.$$" script
  rm -f part-*
  if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
    systemd-run --quiet --collect --unit="dc-agent-\${place##*/}" --property=KillMode=process \\
      /bin/sh "$place/run" go "$2" "$3" && exit 0
  fi
  apart=
  command -v setsid >/dev/null && apart=setsid
  $apart /bin/sh "$place/run" go "$2" "$3" </dev/null >/dev/null 2>&1 &
  ;;
go)
  since=$(date +%s)
  mkfifo pipe
  { dd bs=1024 count=4096 of=output 2>/dev/null; exec cat >/dev/null; } <pipe &
  reader=$!
  (
    HOME=/root
    export HOME
    . ./environment
    umask 022
    cd /root || cd /
    exec timeout -k "$3" "$2" "$place/script"
  ) </dev/null >pipe 2>&1
  code=$?
  seconds=$(($(date +%s) - since))
  # What it printed last may still be on its way; a daemon that it left may keep the pipe open for ever.
  sleep 0.1 2>/dev/null
  left=3
  while [ "$left" -gt 0 ] && kill -0 "$reader" 2>/dev/null; do
    sleep 1
    left=$((left - 1))
  done
  rm -f script environment pipe part-*
  tail -c 16384 output >last 2>/dev/null
  rm -f output
  printf '%s %s\\n' "$code" "$seconds" >exit.new
  mv exit.new exit
  ;;
esac
`;
