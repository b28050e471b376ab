import { type CallContext, type Finding, isProvisionerError } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { checkHosts } from './check-hosts.ts';
import { checkNetwork } from './check-network.ts';
import { checkTemplates } from './check-templates.ts';
import { reasonOf } from './errors.ts';
import { missingRights, neededRights } from './rights.ts';
import type { ProxmoxSettings } from './schema.ts';
import type { PveVersion } from './wire.ts';

/** Everything that can be known without changing anything. A target that does not answer, or refuses the token, has one finding only. */
export async function checkTarget(backend: Backend, ctx: CallContext): Promise<Finding[]> {
  let version: PveVersion;
  try {
    version = await backend.pve.cluster.version(ctx.signal);
  } catch (error) {
    if (!isProvisionerError(error)) throw error;
    return [...trust(backend.settings), unreachable(error)];
  }
  const parts = [
    () => rights(backend, version, ctx),
    () => checkHosts(backend, ctx),
    () => checkTemplates(backend, ctx),
    () => checkNetwork(backend, ctx),
  ];
  const findings = await Promise.all(parts.map(guarded));
  return [release(version), ...trust(backend.settings), ...findings.flat()];
}

/** What could not be looked at is a finding too, and no reason to leave the others out. */
async function guarded(part: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await part();
  } catch (error) {
    if (!isProvisionerError(error)) throw error;
    return [
      { level: 'fail', code: 'proxmox.check.unfinished', title: error.message, remedy: 'Correct this and look again.' },
    ];
  }
}

function unreachable(error: Error): Finding {
  const reason = reasonOf(error);
  const title = error.message;
  if (reason === 'certificate') return { level: 'fail', code: 'proxmox.tls.untrusted', title };
  if (reason === 'unauthorized') {
    return {
      level: 'fail',
      code: 'proxmox.token.refused',
      title,
      remedy:
        'Compare api_token_id and the secret with Datacenter, Permissions, API Tokens; make a new token if in doubt.',
    };
  }
  return {
    level: 'fail',
    code: 'proxmox.api.unreachable',
    title,
    remedy: 'Correct api_url, or let this host reach port 8006 of the node.',
  };
}

function release({ text, major }: PveVersion): Finding {
  if (major >= 8) return { level: 'pass', code: 'proxmox.version.ok', title: `Proxmox VE ${text} answers` };
  return {
    level: 'warn',
    code: 'proxmox.version.old',
    title: `Proxmox VE ${text} answers; versions before 8 get no security updates and were not tried here`,
    remedy: 'Upgrade the cluster.',
  };
}

function trust({ verify_ssl, ca_file, fingerprint, api_url }: ProxmoxSettings): Finding[] {
  if (!api_url.startsWith('https:')) {
    return [
      {
        level: 'warn',
        code: 'proxmox.tls.none',
        title: 'The token is sent without encryption',
        remedy: 'Use https:// in api_url.',
      },
    ];
  }
  if (fingerprint !== undefined || ca_file !== undefined) {
    const how = fingerprint === undefined ? 'the authority in ca_file' : 'its fingerprint';
    const ignored = verify_ssl ? '' : '; verify_ssl = false is of no effect beside it';
    return [{ level: 'pass', code: 'proxmox.tls.ok', title: `The certificate is believed by ${how}${ignored}` }];
  }
  if (verify_ssl)
    return [{ level: 'pass', code: 'proxmox.tls.ok', title: 'The certificate is checked as the system does' }];
  return [
    {
      level: 'warn',
      code: 'proxmox.tls.unchecked',
      title: 'verify_ssl is false: whoever is on the way can read the token and answer in the host’s place',
      remedy: "Set 'fingerprint' to what `pvenode cert info` shows on the host, and remove verify_ssl.",
    },
  ];
}

async function rights({ pve, settings }: Backend, { major }: PveVersion, { signal }: CallContext): Promise<Finding[]> {
  const permissions = await pve.access.permissions(signal);
  const missing = neededRights(settings, major, [settings.storage]).flatMap((need) => {
    const privileges = missingRights(permissions, need);
    return privileges.length === 0 ? [] : [{ ...need, privileges }];
  });
  if (missing.length === 0) {
    return [{ level: 'pass', code: 'proxmox.rights.ok', title: 'The token has every right that is used' }];
  }
  return missing.map(
    ({ path, privileges, level, for: purpose }): Finding => ({
      level,
      code: level === 'fail' ? 'proxmox.rights.missing' : 'proxmox.rights.reduced',
      title: `The token lacks ${privileges.join(', ')} on ${path}, which ${purpose} needs`,
      remedy: 'Give a role with these privileges to the user and to the token: a token has only what both have.',
    }),
  );
}
