import { once } from 'node:events';
import type { Scene, Tenancy } from './scene.ts';
import { sshCommand, trustOnce } from './visit.ts';

/** Leaves everything up until the first interruption, and says what can be done meanwhile. The second one breaks off. */
export async function stayUp(scene: Scene, tenancies: readonly Tenancy[]): Promise<void> {
  const { input, host, market, trouble, undisturbed, backend } = scene;
  const { say, interrupts, program } = input;
  const [first] = tenancies;
  if (first === undefined) return;
  const agent = `${program.argv.at(-1)} --config ${host.config}`;
  const { contract } = first.lease;
  say('chapter', 'Everything stays up');
  say('line', `log in${backend.simulated ? ' (simulated machine)' : ''}:`);
  for (const { door, lease } of tenancies) say('command', sshCommand(door, lease.key, trustOnce(lease.key)));
  say('line', 'look around:');
  say('command', `${agent} status --watch`);
  say('command', `${agent} explain ${contract.slice(0, 12)}`);
  say('command', `${agent} doctor`);
  say('command', `tail -f ${host.logFile}`);
  say('line', 'rent another one, or cancel one:');
  say('command', rentCommand(market.platform.adminUrl, market.offering, `${first.lease.key.file}.pub`));
  say('command', market.platform.howToCancel.replace('CONTRACT_ID', contract));
  say('good', 'Ctrl-C cancels everything and removes it. A second Ctrl-C does so without ceremony.');
  undisturbed();
  await Promise.race([ended(interrupts.first), raised(trouble.signal)]);
  trouble.interruptedBy(interrupts.second);
}

function rentCommand(adminUrl: string, offering: number, publicKeyFile: string): string {
  const body = `{\\"offering\\":${offering},\\"sshKey\\":\\"$(cat ${publicKeyFile})\\"}`;
  return `curl -sS -H 'content-type: application/json' -d "${body}" ${adminUrl}/rent`;
}

async function ended(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

async function raised(signal: AbortSignal): Promise<never> {
  await ended(signal);
  throw signal.reason;
}
