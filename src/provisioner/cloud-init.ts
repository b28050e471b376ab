import { z } from 'zod';
import type { CloudInitState } from './contract.ts';

/** Where cloud-init tells how far it is: in memory, so of this boot, and there from its first stage on. */
export const CLOUD_INIT_STATUS = '/run/cloud-init/status.json';

/** Of its stages, each with a time when it ended (`cloudinit/cmd/main.py`, `status_wrapper`); newer versions add to it. */
const stage = z
  .object({ errors: z.array(z.unknown()).catch([]), finished: z.number().nullish().catch(null) })
  .catch({ errors: [], finished: null });
const status = z.object({ v1: z.record(z.string(), z.unknown()) });

/** What the text of that file means. It is the machine's own word, so anything may stand there. */
export function cloudInitState(text: string): CloudInitState {
  const stages = stagesOf(text);
  if (stages === undefined) return { state: 'unknown' };
  if (typeof stages.get('modules-final')?.finished !== 'number') return { state: 'running' };
  const errors = [...stages].flatMap(([name, { errors: all }]) => all.map((error) => `${name}: ${String(error)}`));
  return errors.length === 0 ? { state: 'done' } : { state: 'failed', why: errors.join('; ').slice(0, MAX_WHY) };
}

const MAX_WHY = 1_000;
const STAGES = ['init-local', 'init', 'modules-init', 'modules-config', 'modules-final'];

function stagesOf(text: string): Map<string, z.infer<typeof stage>> | undefined {
  try {
    const { v1 } = status.parse(JSON.parse(text));
    return new Map(STAGES.map((name) => [name, stage.parse(v1[name])]));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
