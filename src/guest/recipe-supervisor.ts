import type { OperationId } from '../ports/ids.ts';
import type { Recipe } from './recipe.ts';

/** Between the signal to end and the one that cannot be refused. */
export const SUPERVISOR_GRACE_SECONDS = 10;

/** Where everything of one recipe is: root's alone. The id is the only part that varies, and is hexadecimal. */
export function placeOf(operation: OperationId): string {
  if (!/^[0-9a-f]{8,64}$/.test(operation)) throw new RangeError('an operation id is hexadecimal');
  return `/var/lib/dc-agent/recipe-${operation}`;
}

/** The longest that cloud-init's own work is waited for before a recipe. */
export const CLOUD_INIT_SECONDS = 300;

/**
 * Waits until cloud-init, where there is one, has done its work, and says how that ended: a script that runs beside it would meet half a
 * machine and a locked package list. `unfinished` when its time was over first (124, of an old busybox 143).
 */
export const SETTLED = `{ command -v cloud-init && command -v timeout; } >/dev/null || exit 0
said=$(timeout ${CLOUD_INIT_SECONDS} cloud-init status --wait)
case $? in
  124 | 143) echo unfinished ;;
  *) echo "$said" | tail -n 1 ;;
esac
exit 0`;

/** Says whether the recipe has been begun. */
export const BEGUN = (place: string): string => `if [ -e ${place}/begun ]; then echo begun; else echo absent; fi`;

/**
 * Takes a file from standard input. It is put in its place only when it is whole: a connection that breaks looks like the end of
 * the input.
 */
export function deliver(place: string, file: 'script' | 'supervise', bytes: number): string {
  const path = `${place}/${file}`;
  // A name of its own: an earlier connection that nobody has missed yet may be at it too.
  const fresh = `${path}.$$`;
  return [
    'umask 077',
    `mkdir -p ${place}`,
    `cat >${fresh}`,
    `[ "$(wc -c <${fresh})" -eq ${bytes} ]`,
    `chmod 700 ${fresh}`,
    `mv ${fresh} ${path}`,
  ].join(' && ');
}

/** Begins the recipe unless that was done, waits for its end, and tells it. May be called any number of times. */
export const AWAIT = (place: string): string => `exec /bin/sh ${place}/supervise await`;

/**
 * The program that looks after one recipe in the machine; any POSIX shell with the usual small tools, busybox among them.
 *
 * `await` makes the mark, which can be made once only (noclobber), starts `run` apart from the connection, and waits until there is
 * an end or nobody who could write one. `run` starts the script, keeps the first MiB of its output, and when its time is over ends
 * it with all that it started: by process group, and by a variable in their environment for those that left the group. It does
 * without `timeout`, whose busybox form ends one process only. What a script leaves running on purpose when it ends in time stays.
 */
export function supervisor({ operation, env, limitSeconds }: Recipe): string {
  const exports = Object.entries({ ...env, DC_RECIPE_ID: operation }).map(
    ([name, value]) => `export ${variable(name)}=${quoted(value)}\n`,
  );
  return `${HEAD}
place=${placeOf(operation)}
limit=${Math.max(1, Math.floor(limitSeconds))}
grace=${SUPERVISOR_GRACE_SECONDS}
mark=DC_RECIPE_ID=${operation}
environment() {
${exports.join('')}:
}
${BODY}`;
}

const HEAD = `#!/bin/sh
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

const BODY = `cd "$place" || exit 93

alive() {
  pid=$(cat pid 2>/dev/null) && tr '\\000' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "$place/supervise run"
}

# Sends a signal to the script's group and to whoever carries its mark.
end_all() {
  kill "-$1" "-$child" 2>/dev/null
  for each in /proc/[0-9]*; do
    if grep -q "$mark" "$each/environ" 2>/dev/null; then kill "-$1" "\${each#/proc/}" 2>/dev/null; fi
  done
}

# Looks every second, so that it is gone soon after the script: one long sleep would be left behind.
watch() {
  left=$limit
  while [ "$left" -gt 0 ]; do
    sleep 1
    if [ -e code ]; then exit; fi
    left=$((left - 1))
  done
  : >late
  end_all TERM
  left=$grace
  while [ "$left" -gt 0 ] && kill -0 "$child" 2>/dev/null; do
    sleep 1
    left=$((left - 1))
  done
  end_all KILL
}

# Keeps the first MiB of what it is sent as it comes, and takes the rest: who writes to nobody is ended by it. As long as something
# that was left running holds the other end, it stays.
keep() {
  : >output
  size=0
  while [ "$size" -lt 1048576 ]; do
    dd bs=16384 count=1 2>/dev/null >>output
    before=$size
    size=$(wc -c <output)
    [ "$size" -gt "$before" ] || exit 0
  done
  exec cat >/dev/null
}

run() {
  echo "$$" >pid.new && mv pid.new pid
  since=$(date +%s)
  group=
  if command -v setsid >/dev/null; then group=setsid; fi
  mkfifo pipe
  keep <pipe &
  reader=$!
  (environment; umask 022; cd /root || cd /; exec $group "$place/script") </dev/null >pipe 2>&1 &
  child=$!
  watch >/dev/null 2>&1 &
  watcher=$!
  wait "$child"
  code=$?
  : >code
  word=in-time
  # When it was late, its last processes are being ended.
  if [ ! -e late ]; then kill "$watcher" 2>/dev/null; fi
  wait "$watcher"
  if [ -e late ]; then
    word=late
    end_all KILL
  fi
  # What it printed last may still be on its way; a daemon that it left may keep the pipe open for ever.
  left=3
  while [ "$left" -gt 0 ] && kill -0 "$reader" 2>/dev/null; do
    sleep 1
    left=$((left - 1))
  done
  rm -f script pipe code late
  echo "end $code $word $(($(date +%s) - since))" >end.new
  mv end.new end
}

case $1 in
  run) run ;;
  await)
    if (set -C && : >begun) 2>/dev/null; then
      /bin/sh "$place/supervise" run </dev/null >/dev/null 2>&1 &
    fi
    # Somebody else may have made the mark this moment and be about to start it.
    patience=25
    while [ ! -e end ]; do
      if alive; then
        patience=25
      elif [ "$patience" -eq 0 ]; then
        if [ ! -e end ]; then echo interrupted; exit 0; fi
      else
        patience=$((patience - 1))
      fi
      sleep 0.2 2>/dev/null || sleep 1
    done
    cat end
    tail -c 16384 output
    ;;
esac
`;

function variable(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw new RangeError('not the name of a variable');
}

/** For the shell: nothing within single quotes has a meaning, but they end at the next one. No shell can hold a zero byte. */
function quoted(value: string): string {
  return `'${value.replaceAll('\0', '').replaceAll("'", "'\\''")}'`;
}
