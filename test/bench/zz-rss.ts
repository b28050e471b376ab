import { setTimeout as pause } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { inPlace } from './place.ts';
import { residentMb } from './processor.ts';
import { openHost } from './program.ts';
import { start } from '../cli/built.ts';
export const zzRss = { name: 'rss', about: '', run: async (scope: any) => {
  const program = await scope.program();
  for (const opts of ['', '--max-semi-space-size=1', '--max-semi-space-size=2','--optimize-for-size', '--max-semi-space-size=1 --optimize-for-size','--v8-pool-size=1 --max-semi-space-size=1', '--no-opt']) {
    await inPlace(async (dir, closing) => {
      const host = await openHost(program, dir, closing);
      const child = start(program, ['--config', dir + '/dc-agent.toml', 'run', '--log-level', 'warn', '--log-format', 'json'], { NODE_OPTIONS: opts });
      closing.push(() => { child.signal('SIGKILL'); return child.ended; });
      await pause(3000); const a = await residentMb(child.pid); await pause(9000);
      const s = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      console.log(JSON.stringify(opts), a, await residentMb(child.pid), /RssAnon.*/.exec(s)?.[0], /RssFile.*/.exec(s)?.[0]);
    });
  }
  return { figures: [] };
} };
