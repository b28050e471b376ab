import { parseArgs } from 'node:util';
import { burst } from './burst.ts';
import { delivery } from './delivery.ts';
import { writeDocs } from './docs.ts';
import { type Bench, type Findings, isKept, type Scope } from './figure.ts';
import { gateway } from './gateway.ts';
import { guests } from './guests.ts';
import { health } from './health.ts';
import { heartbeat } from './heartbeat.ts';
import { hetzner } from './hetzner.ts';
import { idle } from './idle.ts';
import { ledger } from './ledger.ts';
import { withProgram } from './program.ts';
import { proxmox } from './proxmox.ts';
import { printTable, toJson } from './report.ts';
import { scale } from './scale.ts';
import { writeScale } from './scale-docs.ts';
import { signing } from './signing.ts';
import { start } from './start.ts';
import { steady } from './steady.ts';
import { targets } from './targets.ts';
import { version } from './version.ts';

const BENCHES: readonly Bench[] = [
  delivery,
  guests,
  burst,
  steady,
  ledger,
  heartbeat,
  health,
  start,
  signing,
  version,
  idle,
  targets,
  proxmox,
  hetzner,
  gateway,
];

const HELP = `npm run bench [-- OPTIONS]

  --only NAME    only this bench; may be repeated: ${[...BENCHES, scale].map(({ name }) => name).join(', ')}
  --quick        fewer samples: for a look while working
  --json         one JSON document in place of the table
  --scale        ten thousand agents against one platform, in virtual time; ten minutes
  --write-docs   writes what was measured into docs/
  --strict       ends with 1 when a promise is not kept
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    scale: { type: 'boolean', default: false },
    'write-docs': { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) console.log(HELP);
else process.exitCode = await withProgram(run);

async function run(program: Scope['program']): Promise<number> {
  const chosen = choose();
  const results: { readonly bench: Bench; readonly findings: Findings }[] = [];
  for (const bench of chosen) {
    const progress = (text: string): void => console.error(`${bench.name}: ${text}`);
    const findings = await bench.run({ quick: values.quick, program, progress });
    results.push({ bench, findings });
  }
  if (values.json) console.log(toJson(results));
  else printTable(results);
  if (values['write-docs']) await (values.scale ? writeScale(results) : writeDocs(results));
  const broken = results.some(({ findings }) => findings.figures.some((figure) => isKept(figure) === false));
  return values.strict && broken ? 1 : 0;
}

function choose(): readonly Bench[] {
  if (values.scale) return [scale];
  if (values.only === undefined) return BENCHES;
  return values.only.map((name) => {
    const found = [...BENCHES, scale].find((bench) => bench.name === name);
    if (found === undefined) throw new Error(`there is no bench ${name}\n${HELP}`);
    return found;
  });
}
