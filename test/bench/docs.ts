import { writeFile } from 'node:fs/promises';
import { ground, notes, table, writePictures } from './documents.ts';
import type { Result } from './report.ts';

/** Writes docs/performance.md and its pictures from what was just measured. */
export async function writeDocs(results: readonly Result[]): Promise<void> {
  const pictures = await writePictures('performance', results);
  const benches = results.map(({ bench }) => `| ${bench.name} | ${bench.about} |`).join('\n');
  await writeFile(
    'docs/performance.md',
    `# Performance

Written by \`npm run bench -- --write-docs\`; do not edit. ${ground()}

A figure by itself says little about another machine, so each stands beside an ideal or a baseline that was
taken in the same run: read the ratio. Promises are what the project holds itself to.

\`\`\`sh
npm run bench                     # all of it, about ten minutes, one table
npm run bench -- --only steady    # one bench
npm run bench -- --quick          # fewer samples
npm run bench -- --json           # for programs
npm run bench -- --strict         # ends with 1 when a promise is not kept
\`\`\`

${table(results)}

## What is measured

| bench | what |
|---|---|
${benches}

${notes(results)}
- "reference agent (model)": a model, not a measurement. It is the serial loop of the reference agent as its
  source reads: a poll every 30 s, one contract after the other, fixed sleeps where it has them. Its calls and
  its own work take no time in the model, which flatters it.

## How it grows

${pictures}
`,
  );
}
