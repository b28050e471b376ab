import { systemClock } from '../ports/clock.ts';
import type { Finding } from '../provisioner/contract.ts';
import type { CaddySettings } from './caddy.ts';
import { type CaddyAdmin, messageOf } from './caddy-admin.ts';
import { httpApp } from './caddy-apply.ts';
import { certificateFor, type Shown } from './certificate.ts';
import { GatewayError } from './port.ts';

/** Caddy renews when a third of the time is left, so less than that is a renewal that fails. */
const RENEWAL_OVERDUE_MS = 20 * 86_400_000;

/** What Caddy lacks for names and HTTPS. Looks only. */
export async function caddyFindings(
  admin: CaddyAdmin,
  settings: CaddySettings,
  signal: AbortSignal,
): Promise<Finding[]> {
  return [...(await serverFindings(admin, settings, signal)), ...(await accountFindings(settings, signal))];
}

async function serverFindings(
  admin: CaddyAdmin,
  { adminSocket, kind, publicIp, zone }: CaddySettings,
  signal: AbortSignal,
): Promise<Finding[]> {
  try {
    const { status, body } = await admin.read('/config/apps/http', signal);
    if (status !== 200) {
      return [
        {
          level: 'fail',
          code: 'gateway.caddy.refused',
          title: `Caddy refuses us (status ${status}): ${messageOf(body)}`,
          remedy: 'Let "admin.origins" in its configuration list "localhost"; dc-agent setup gateway does that.',
        },
      ];
    }
    const { port } = httpApp(body);
    const name = `any.${zone}`;
    const [shown, outside] = await Promise.all([
      certificateFor({ name, host: '127.0.0.1', port }, signal),
      certificateFor({ name, host: publicIp, port: 443 }, signal),
    ]);
    return [
      { level: 'pass', code: 'gateway.caddy', title: 'Caddy answers, and takes names and certificates.' },
      certificateFinding(shown, zone, kind),
      ...pathFindings(shown, outside, publicIp),
    ];
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return [
      {
        level: 'fail',
        code: 'gateway.caddy.unreachable',
        title: error.message,
        remedy: `Start Caddy, with its admin API at unix/${adminSocket}. Ports work without it; names and HTTPS do not.`,
      },
    ];
  }
}

/**
 * Whether what comes in at the public address ends in this host's Caddy. A TLS server signs the visitor's random bytes with the
 * certificate's key (RFC 8446, 4.4.3), and this host alone has that one: an equal certificate is the proof.
 */
export function pathFindings(shown: Shown, outside: Shown, publicIp: string): Finding[] {
  const code = 'gateway.https.path';
  if (shown.state === 'none') return [];
  if (outside.state === 'none') {
    return [
      {
        level: 'warn',
        code,
        title: `HTTPS at ${publicIp}:443 does not answer this host: ${outside.why}.`,
        remedy:
          'Let the router in front and every firewall pass TCP 80 and 443 to this host. Some routers do not lead a host back to itself: then look from elsewhere.',
      },
    ];
  }
  if (outside.fingerprint === shown.fingerprint)
    return [{ level: 'pass', code, title: `HTTPS at ${publicIp}:443 ends in this host’s Caddy.` }];
  return [
    {
      level: 'fail',
      code,
      title: `HTTPS at ${publicIp}:443 ends in another server: its certificate is not this host’s.`,
      remedy: 'Look what the router in front, or another program’s translation on this host, does with TCP 443.',
    },
  ];
}

/** Whether the certificate for all machines is there, and was renewed when it should have been. */
export function certificateFinding(
  shown: Shown,
  zone: string,
  kind: CaddySettings['kind'],
  now = systemClock.now(),
): Finding {
  const code = 'gateway.certificate';
  if (shown.state === 'none') {
    return {
      level: 'warn',
      code,
      title: `There is no certificate for *.${zone}: ${shown.why}.`,
      remedy:
        'It is fetched with the first machine. Where machines exist, Caddy’s log says what keeps it: journalctl -u dc-agent-caddy',
    };
  }
  // Caddy's own authority signs for half a day at a time.
  const left = shown.validUntil - now;
  if (left > RENEWAL_OVERDUE_MS || kind === 'internal')
    return { level: 'pass', code, title: `The certificate for *.${zone} is served.` };
  return {
    level: 'warn',
    code,
    title: `The certificate for *.${zone} ends in ${Math.max(0, Math.floor(left / 86_400_000))} days and was not renewed.`,
    remedy:
      'Caddy’s log says why: journalctl -u dc-agent-caddy. Another host with the same dc_id replaces this one’s acme-dns account.',
  };
}

/** Whether the platform still takes the account: with it, the certificate is renewed in some weeks; without it, it ends. */
async function accountFindings({ certificates, checkAccount }: CaddySettings, signal: AbortSignal): Promise<Finding[]> {
  const code = 'gateway.certificate.account';
  try {
    const had = await certificates();
    if (had.kind === 'internal' || checkAccount === undefined) return [];
    const answer = await checkAccount(had.account, signal);
    if (answer.state === 'taken')
      return [{ level: 'pass', code, title: 'The platform takes this host’s account for certificates.' }];
    return [
      {
        level: answer.state === 'replaced' ? 'fail' : 'warn',
        code,
        title:
          answer.state === 'replaced'
            ? 'The platform refuses this host’s account for certificates: a later registration of the same dc_id has replaced it.'
            : `Whether the account for certificates is still good cannot be seen: ${answer.why}.`,
        remedy:
          answer.state === 'replaced'
            ? 'Give each host a dc_id of its own. For this one to have the account again: remove the file acme_dns_file, then dc-agent setup gateway.'
            : 'The certificate that is there goes on. Look again when the platform answers.',
      },
    ];
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return [{ level: 'fail', code, title: `${error.message}.`, remedy: 'dc-agent setup gateway' }];
  }
}
