import { setTimeout as pause } from 'node:timers/promises';
import { inPlace } from './place.ts';
import { residentMb } from './processor.ts';
import { openHost } from './program.ts';
import { start } from '../cli/built.ts';
export const zzRss = { name: 'rss', about: '', run: async (scope: any) => {
  const program = await scope.program();
  for (const opts of ['', '--require /tmp/memlog.cjs']) {
    await inPlace(async (dir, closing) => {
      const host = await openHost(program, dir, closing);
      const child = start(program, ['--config', dir + '/dc-agent.toml', 'run', '--log-level', 'warn', '--log-format', 'json'], { NODE_OPTIONS: opts });
      closing.push(() => { child.signal('SIGKILL'); return child.ended; });
      await pause(3000); const a = await residentMb(child.pid); await pause(6000);
      console.log(JSON.stringify(opts), a, await residentMb(child.pid), child.out());
    });
  }
  return { figures: [] };
} };
