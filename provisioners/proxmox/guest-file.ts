import { type CallContext, isProvisionerError } from '../../src/provisioner/index.ts';
import type { VmAt } from './api-vms.ts';
import type { Backend } from './backend.ts';
import { reasonOf } from './errors.ts';

/** A file of the machine's, through its guest agent; undefined when there is none. What it says is the tenant's word. */
export async function readGuestFile(
  { pve }: Pick<Backend, 'pve'>,
  vm: VmAt,
  file: string,
  { signal }: CallContext,
): Promise<string | undefined> {
  try {
    return asText((await pve.agent.readFile(vm, file, signal)).content);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The words are those of the machine's C library, in English: the agent runs in no locale. */
function isMissing(error: unknown): boolean {
  return reasonOf(error) === 'agent-failed' && isProvisionerError(error) && /No such file/.test(error.message);
}

/** A host gives every byte of the file as a letter of its own; a file of letters beyond ASCII is put together again. */
function asText(content: string): string {
  if (/[^\u0000-\u00ff]/.test(content)) return content;
  return Buffer.from(content, 'latin1').toString('utf8');
}
