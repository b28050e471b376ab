import { type MachineOrder, ProvisionerError } from '../../src/provisioner/index.ts';
import type { LoginUser } from './login-user.ts';
import type { DockerSettings } from './schema.ts';
import { LABEL, stampLabels } from './stamp.ts';
import { type TarEntry, tar } from './tar.ts';
import type { InspectedImage } from './wire.ts';

/**
 * What root inside a machine may still do. OpenSSH's login needs SETUID, SETGID and SYS_CHROOT (seen by leaving out one at a
 * time); AUDIT_WRITE is for images whose sshd uses PAM, NET_BIND_SERVICE for engines that guard ports below 1024. The rest is
 * what a root shell is bought for: installing packages and working with other users' files and processes.
 * Not among them on purpose: NET_RAW (forged packets to neighbours), MKNOD, SETFCAP, SETPCAP.
 */
export const CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETGID',
  'SETUID',
  'SYS_CHROOT',
] as const;

const START = 'usr/local/sbin/dc-agent-start-sshd';

export interface MachinePlan {
  readonly image: string;
  readonly cpuCores: number;
  readonly memoryMb: number;
  /** GiB; absent when the order names none or the disk is not limited here. */
  readonly storageGb?: number;
  readonly network: string;
  readonly hostPort: number;
  /** As whom the tenant logs in. */
  readonly user: string;
  /** True when the plugin starts the SSH server in place of the image's own command. */
  readonly startSshd: boolean;
}

/** The image that an order asks for, if this target may run it. The order's settings are the tenant's word: only this key is read. */
export function orderedImage(order: MachineOrder, settings: DockerSettings): string {
  const wanted = order.settings['image'];
  if (wanted === undefined || wanted === null || wanted === settings.default_image) return settings.default_image;
  if (typeof wanted === 'string' && settings.allowed_images.includes(wanted)) return wanted;
  throw new ProvisionerError('permanent', "The order's image is not in allowed_images", {
    publicText: 'The image of this offering is not available here.',
  });
}

/** Refuses what could be more than one key once it stands in a file or a variable. */
export function tenantKey(order: MachineOrder): string {
  if (isAuthorizedKey(order.sshKey)) return order.sshKey;
  throw new ProvisionerError('permanent', "The tenant's SSH key is not of the form 'type base64'", {
    publicText: 'The SSH key of this contract cannot be used.',
  });
}

/** One key and nothing else: no options, no comment, no second line. */
export function isAuthorizedKey(text: string): boolean {
  return /^[a-z0-9@.-]{1,64} [A-Za-z0-9+/]{16,16384}={0,2}$/.test(text);
}

/** Whether the image needs the plugin's own start of sshd; see the setting `start_sshd`. */
export function startsSshd(mode: DockerSettings['start_sshd'], image: InspectedImage): boolean {
  if (mode !== 'auto') return mode === 'always';
  const [first, ...rest] = [...(image.Config.Entrypoint ?? []), ...(image.Config.Cmd ?? [])];
  // A bare sshd would run with host keys that every copy of the image shares; a bare shell ends at once without a terminal.
  if (first === undefined || /^(?:.*\/)?sshd$/.test(first)) return true;
  return /^(?:.*\/)?(?:bash|sh|ash|dash|zsh)$/.test(first) && rest.every((argument) => /^-[il]+$/.test(argument));
}

/** How a machine's SSH server comes up. */
export interface FirstStart {
  /** By our own start instead of the image's. */
  readonly startSshd: boolean;
  /** A host key that lies in the machine before is the one that it shows. */
  readonly takesHostKey: boolean;
}

/** Our default image keeps a host key that is there, and our own start does; of another image's start nobody knows. */
export function firstStart(mode: DockerSettings['start_sshd'], image: InspectedImage): FirstStart {
  const startSshd = startsSshd(mode, image);
  return { startSshd, takesHostKey: startSshd || image.Config.Labels?.['dc-agent.image-revision'] !== undefined };
}

/** The body of the engine's create call. */
export function containerBody(order: MachineOrder, plan: MachinePlan, settings: DockerSettings): object {
  const exposed = `${settings.ssh_port}/tcp`;
  const memory = plan.memoryMb * 1024 * 1024;
  return {
    Image: plan.image,
    Hostname: order.name,
    // Only root can log in root, whatever user the image would have run its own command as.
    ...(plan.startSshd ? { Entrypoint: [`/${START}`], Cmd: [String(settings.ssh_port)], User: '0' } : {}),
    Env: [`SSH_PUBLIC_KEY=${tenantKey(order)}`],
    ExposedPorts: { [exposed]: {} },
    StopTimeout: settings.stop_grace_seconds,
    Labels: {
      ...stampLabels(order.stamp),
      [LABEL.port]: String(plan.hostPort),
      [LABEL.user]: plan.user,
      [LABEL.cpu]: String(plan.cpuCores),
      [LABEL.memoryMb]: String(plan.memoryMb),
    },
    HostConfig: {
      NanoCpus: Math.round(plan.cpuCores * 1e9),
      Memory: memory,
      // The same figure again means: no swap.
      MemorySwap: memory,
      PidsLimit: settings.pids_limit,
      ...(plan.storageGb === undefined ? {} : { StorageOpt: { size: `${plan.storageGb}G` } }),
      ...(settings.runtime === undefined ? {} : { Runtime: settings.runtime }),
      // Reaps what daemons leave behind and passes on the signal to end: sshd would do neither as process 1.
      Init: true,
      Privileged: false,
      CapDrop: ['ALL'],
      CapAdd: CAPABILITIES,
      SecurityOpt: ['no-new-privileges:true'],
      RestartPolicy: { Name: 'unless-stopped' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': settings.log_max_size, 'max-file': '3' } },
      NetworkMode: plan.network,
      PortBindings: { [exposed]: [{ HostIp: settings.publish_address, HostPort: String(plan.hostPort) }] },
    },
  };
}

/** Where the host key that the machine was given is told, for as long as the machine's root leaves it there. */
export const HOST_KEY_TOLD = 'var/lib/dc-agent/host-key.pub';

/**
 * Files laid into the machine before its first start: the tenant's key where every SSH server looks, and our start of sshd with the
 * host key that it is to show.
 */
export function firstFiles(
  order: MachineOrder,
  { startSshd, takesHostKey }: FirstStart,
  { home, owner }: Pick<LoginUser, 'home' | 'owner'>,
): Uint8Array {
  const place = `${home.slice(1)}/.ssh`;
  const entries: TarEntry[] = [
    { path: `${place}/`, mode: 0o700, owner },
    { path: `${place}/authorized_keys`, mode: 0o600, owner, content: `${tenantKey(order)}\n` },
  ];
  if (startSshd) entries.push({ path: START, mode: 0o755, content: START_SSHD });
  if (takesHostKey && order.hostKey !== undefined) {
    const place = startSshd ? 'var/lib/dc-agent/host-key' : 'etc/ssh/ssh_host_ed25519_key';
    const told = `${order.hostKey.publicKey}\n`;
    entries.push(
      { path: 'var/lib/dc-agent/', mode: 0o700 },
      { path: place, mode: 0o600, content: order.hostKey.privateKey.reveal() },
      ...(startSshd ? [] : [{ path: `${place}.pub`, mode: 0o644, content: told }]),
      { path: HOST_KEY_TOLD, mode: 0o644, content: told },
    );
  }
  return tar(entries);
}

/**
 * Host keys that came with the image are known to everybody who has the image, so the first start puts the one in their place that
 * was laid into the machine, or makes new ones. The mark is written last, so that a machine killed in between does it again.
 *
 * The options outweigh the image's own settings: images for trying out SSH come with a well-known root password, and PAM refuses
 * logins where the engine was started from a login session (it may not write the audit id again).
 */
const START_SSHD = `#!/bin/sh
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /run/sshd
chmod 755 /run/sshd
chmod 700 /root /root/.ssh
mark=/etc/ssh/.dc-agent-host-keys
keys=
if [ -e /var/lib/dc-agent/host-key.pub ]; then keys='-h /etc/ssh/ssh_host_ed25519_key'; fi
if [ ! -e "$mark" ]; then
  rm -f /etc/ssh/ssh_host_*
  if [ -e /var/lib/dc-agent/host-key ]; then
    key=/etc/ssh/ssh_host_ed25519_key
    (umask 077; cat /var/lib/dc-agent/host-key >"$key")
    cat /var/lib/dc-agent/host-key.pub >"$key.pub"
  else
    ssh-keygen -A
  fi
  : >"$mark"
  rm -f /var/lib/dc-agent/host-key
fi
exec "$(command -v sshd)" -D -e -p "$1" $keys -o PermitRootLogin=prohibit-password -o PubkeyAuthentication=yes \\
  -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no -o UsePAM=no
`;
