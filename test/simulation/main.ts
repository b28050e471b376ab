import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { BACKENDS, type BackendName, isBackendName } from './backends.ts';
import { runStories, type Tally } from './crew.ts';
import { abortLightly } from './light-abort.ts';
import { minimise } from './minimise.ts';
import { short } from './rules.ts';
import { type Story, tell } from './story.ts';
import { play } from './tell.ts';

const HELP = `Plays seeded stories of the whole agent under a virtual clock and checks every rule.

  npm run sim -- --seeds 1000          a thousand fresh stories
  npm run sim -- --seconds 180         as many as fit
  npm run sim -- --seed 4711           one story again, with its time line
  npm run sim -- --seed 4711 --shorten the shortest story that still breaks the rule

  --from N       first seed (default: taken from the clock, so every run plays fresh ones)
  --backend NAME sandbox, sandbox-ssh, gateway, proxmox-8.4, proxmox-9.1, hetzner, hetzner-snapshot, digitalocean
                 or vultr (default: sandbox)
  --workers N    processes (default: one for each core)
  --json         the totals as one JSON line

  npm run sim -- --mutants [NAME]      switches on deliberate faults of the agent; each must be found
`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string' },
    backend: { type: 'string', default: 'sandbox' },
    workers: { type: 'string' },
    shorten: { type: 'boolean', default: false },
    known: { type: 'string' },
    hunt: { type: 'string' },
    teller: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

abortLightly();
const backend = backendName(values.backend);

if (values.help) process.stdout.write(HELP);
else if (values.hunt !== undefined) await hunt(values.hunt);
else if (values.seed === undefined) await many();
else await one(number(values.seed, 'seed'), values.shorten);

async function one(seed: number, shorten: boolean): Promise<void> {
  let story = tell(seed);
  const first = await play(story, { backend });
  const [violation] = first.violations;
  if (shorten && violation !== undefined) {
    ({ story } = await minimise(story, violation.rule, backend));
    say(`shortened from ${tell(seed).scenes.length} to ${story.scenes.length} scenes`);
  }
  const violations = await timeLine(story);
  process.exitCode = violations === 0 ? 0 : 1;
}

/** Plays a story once more and prints what happened, in its own time. */
async function timeLine(story: Story): Promise<number> {
  const { scenes: _scenes, ...setting } = story;
  say(JSON.stringify(setting));
  let now = (): number => 0;
  const line = (text: string): void => say(`${(now() / 1000).toFixed(3).padStart(10)}  ${text}`);
  const outcome = await play(story, {
    backend,
    onWorld: (world) => {
      now = () => world.time.monotonic();
      world.platform.onExchange(({ request, outcome: { response, transport } }) => {
        const path = request.path.replace(/[0-9a-f]{64}/g, short).replace('/api/v1', '');
        if (/heartbeat|pending-provision/.test(path) && transport === 'deliver' && response.status === 200) return;
        line(
          `${(request.peer ?? '').padEnd(7)} ${request.method} ${path} ${request.body.slice(0, 60)} → ${transport} ${response.status} ${response.body.slice(0, 90)}`,
        );
      });
      world.backend.onChange((machine) =>
        line(`machine ${machine.id} of ${short(machine.contract ?? 'nobody')} is ${machine.state}`),
      );
    },
    onScene: (text) => line(`** ${text}`),
    log: {
      debug: (fields, message) => message !== 'platform answered' && line(`   ${message} ${text(fields)}`),
      info: (fields, message) => line(`   ${message} ${text(fields)}`),
      warn: (fields, message) => line(`   ! ${message} ${text(fields)}`),
      error: (fields, message) => line(`   !! ${message} ${text(fields)}`),
      child() {
        return this;
      },
    },
  });
  for (const { rule, at, text: what } of outcome.violations)
    say(`${(at / 1000).toFixed(3).padStart(10)}  BROKEN "${rule}": ${what}`);
  if (outcome.violations.length === 0) say('all rules held');
  return outcome.violations.length;
}

function text(fields: object): string {
  const shown = JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.message : value));
  return shown.replace(/[0-9a-f]{64}/g, short).slice(0, 300);
}

async function many(): Promise<void> {
  const seconds = values.seconds === undefined ? undefined : number(values.seconds, 'seconds');
  const seeds =
    values.seeds === undefined
      ? seconds === undefined
        ? 200
        : Number.POSITIVE_INFINITY
      : number(values.seeds, 'seeds');
  const from = values.from === undefined ? Math.floor(Date.now() / 1000) % 1_000_000_000 : number(values.from, 'from');
  const workers = values.workers === undefined ? cpus().length : number(values.workers, 'workers');
  const tally = await runStories({
    known: seedsKept(backend),
    from,
    seeds,
    ...(seconds === undefined ? {} : { seconds }),
    workers,
    backend,
    onProgress,
  });
  report(tally, workers);
  const [first] = tally.failures;
  if (first !== undefined && !values.json) {
    process.stderr.write(`seed ${first.seed}, shortened:\n`);
    await one(first.seed, true);
    process.exitCode = 1;
  }
}

/** What ever failed: on all backends, and what is a story of one backend only. */
function seedsKept(on: BackendName): readonly number[] {
  const kept: Readonly<Partial<Record<BackendName | 'all', readonly number[]>>> = JSON.parse(
    readFileSync(new URL('../test/simulation/seeds.json', import.meta.url), 'utf8'),
  );
  return [...(kept.all ?? []), ...(kept[on] ?? [])];
}

/** Plays stories with a mutated agent until one breaks a rule. */
async function hunt(name: string): Promise<void> {
  const tally = await runStories({
    known: values.known === undefined ? [] : [number(values.known, 'known')],
    from: number(values.from ?? '1', 'from'),
    seeds: number(values.seeds ?? '600', 'seeds'),
    workers: number(values.workers ?? String(cpus().length), 'workers'),
    first: true,
    backend,
    onProgress: () => {},
    ...(values.teller === undefined ? {} : { teller: pathToFileURL(values.teller) }),
  });
  const [found] = tally.failures;
  const stories = `${tally.stories} ${tally.stories === 1 ? 'story' : 'stories'}`;
  say(
    found === undefined
      ? `SURVIVED ${name}: ${stories}`
      : `found  ${name}: seed ${found.seed} after ${stories}, "${found.rule}"`,
  );
  process.exitCode = found === undefined ? 1 : 0;
}

function onProgress(tally: Tally): void {
  const line = `${tally.stories} stories, ${tally.failures.length} broken, ${tally.coverage.size} pairs, ${tally.perMinute} a minute`;
  if (process.stderr.isTTY) process.stderr.write(`\r${line}`);
}

function report(tally: Tally, workers: number): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  if (values.json) {
    const { coverage, ...rest } = tally;
    say(JSON.stringify({ ...rest, coverage: [...coverage].sort() }));
  } else {
    for (const { seed, rule, text: what } of tally.failures.slice(0, 10))
      say(`seed ${seed} broke "${rule}": ${what}\n  npm run sim -- --seed ${seed} --shorten`);
    const days = (tally.virtualMs / 86_400_000).toFixed(1);
    say(
      `${tally.contracts} contracts and ${days} days of virtual time; ${tally.coverage.size} pairs of step and fault came up`,
    );
    say(
      `${tally.perMinute} stories a minute, ${Math.round(tally.perMinute / workers)} for each of ${workers} processes`,
    );
    say(`${tally.stories - tally.failures.length} stories passed, ${tally.failures.length} failed`);
  }
  process.exitCode = tally.failures.length === 0 ? 0 : 1;
}

function backendName(given: string): BackendName {
  if (isBackendName(given)) return given;
  process.stderr.write(`sim: --backend takes one of ${Object.keys(BACKENDS).join(', ')}, not '${given}'\n`);
  process.exit(2);
}

function number(given: string, option: string): number {
  const value = Number(given);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`sim: --${option} takes a whole number, not '${given}'\n`);
  process.exit(2);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
