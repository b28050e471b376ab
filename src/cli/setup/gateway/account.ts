import { join } from 'node:path';
import { parseAcmeDns, renderAcmeDns } from '../../../gateway/acme-dns-file.ts';
import { GatewayError } from '../../../gateway/port.ts';
import { type AcmeDnsAccount, PlatformError } from '../../../platform/api.ts';
import { systemDisk } from '../../../ports/system-disk.ts';
import { Failure } from '../../failure.ts';
import { SERVICE_USER, type ServiceHost } from '../service/host.ts';
import { command, readIfThere, type Step, write } from '../service/steps.ts';

/** Asks the platform for the account of a `dc_id`. Each time it does, the account that it gave before stops working. */
export type Register = (dcId: string) => Promise<AcmeDnsAccount>;

/**
 * Whether an account has to be had for this id. Not when one for it is kept already: nobody knows of a registration whose answer was
 * lost, so that one is replaced by the next, and one that was kept never is.
 */
export async function needsAccount(file: string, dcId: string): Promise<boolean> {
  const text = await readIfThere(file);
  if (text === undefined) return true;
  try {
    return (parseAcmeDns(text, file).dcId ?? dcId) !== dcId;
  } catch (error) {
    // Half a file serves nobody.
    if (error instanceof GatewayError) return true;
    throw error;
  }
}

/** Registers, and keeps what came of it whole or not at all, readable by the agent and by nobody else. */
export function registerStep(file: string, dcId: string, register: Register): Step {
  return {
    says: `register ${dcId} with the platform, and keep the account for certificates in ${file}`,
    async apply() {
      const account = await registered(dcId, register);
      return write({ path: file, text: renderAcmeDns({ dcId, ...account }), mode: 0o640 }).apply();
    },
  };
}

/** Also for an account that is there already: a run may have ended between writing the file and giving it away. */
export function giveAccountAway(file: string, host: ServiceHost): Step {
  return command(host, 'chown', `root:${SERVICE_USER}`, file);
}

async function registered(dcId: string, register: Register): Promise<AcmeDnsAccount> {
  try {
    return await register(dcId);
  } catch (cause) {
    if (!(cause instanceof PlatformError)) throw cause;
    throw new Failure({
      what: `the platform does not register ${dcId}`,
      next: 'Everything on this host is prepared: run the command again when that is settled. Another id is chosen with --dc-id. Without names and HTTPS it goes with dns = "none" in [gateway] and --no-web.',
      cause,
    });
  }
}

/**
 * Runs `work` while no other run of this command is at it: two at once would register twice, and the one that wrote last may have
 * the account that was replaced. The lock ends with the process, however that ends. Throws Failure.
 */
export async function alone<Result>(host: ServiceHost, work: () => Promise<Result>): Promise<Result> {
  const path = join(host.root, 'run/dc-agent-setup-gateway.lock');
  const release = await systemDisk.lock(path);
  if (release === undefined) {
    throw new Failure({
      what: 'another "dc-agent setup gateway" is running on this host',
      next: 'Wait for its end, then run the command again.',
    });
  }
  try {
    return await work();
  } finally {
    await release();
  }
}
