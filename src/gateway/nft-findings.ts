import type { Finding } from '../provisioner/contract.ts';
import { gatewayOf, parseNetwork } from './ipam-network.ts';
import type { NetdClient } from './netd-client.ts';
import type { Answer } from './netd-protocol.ts';
import { type HostFacts, readHostFacts } from './nft-host.ts';
import { type NetworkSettings, settingsText } from './plan-settings.ts';
import { GatewayError } from './port.ts';

/** What of this host stands in the gateway's way, with what to do about it. Looks only. */
export async function gatewayFindings(
  settings: NetworkSettings,
  helper: NetdClient,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const facts = await readHostFacts(settings);
  try {
    const about = await helper.ask({ op: 'about' }, signal);
    const survey = await helper.ask({ op: 'survey' }, signal);
    return [...hostFindings(settings, facts), ...helperFindings(settings, about), ...foreignFindings(settings, survey)];
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return [...hostFindings(settings, facts), unreachable(error)];
  }
}

function unreachable(error: GatewayError): Finding {
  return {
    level: 'fail',
    code: 'gateway.helper.unreachable',
    title: `Ports cannot be opened or closed: ${error.message}.`,
    remedy: 'Set it up with: dc-agent setup gateway; or see: systemctl status dc-agent-netd',
  };
}

/** Settings of the host itself. */
export function hostFindings(settings: NetworkSettings, facts: HostFacts): Finding[] {
  const findings: Finding[] = [];
  const fail = (code: string, title: string, remedy: string): void => {
    findings.push({ level: 'fail', code: `gateway.${code}`, title, remedy });
  };
  if (!facts.forwarding) {
    const title = 'This host forwards no packets between networks, so nothing reaches a machine.';
    fail(
      'forwarding.off',
      title,
      'Run dc-agent setup gateway; or write net.ipv4.ip_forward = 1 into a file of /etc/sysctl.d and run: sysctl --system',
    );
  }
  if (settings.tenantNetworkV6 !== undefined && !facts.forwarding6) {
    const title = 'This host forwards no IPv6 packets, and machines have IPv6 addresses.';
    fail(
      'forwarding6.off',
      title,
      'Write net.ipv6.conf.all.forwarding = 1 into a file of /etc/sysctl.d, then run: sysctl --system',
    );
  }
  if (!facts.addresses.includes(settings.localIp)) {
    const title = `No interface of this host has the address ${settings.localIp}.`;
    fail(
      'address.absent',
      title,
      'Where a router translates the public address, set [gateway] local_ip to this host’s own.',
    );
  }
  const gateway = gatewayOf(parseNetwork(settings.tenantNetwork));
  if (!facts.addresses.includes(gateway)) {
    findings.push({
      level: 'warn',
      code: 'gateway.address.gateway',
      title: `No interface of this host has ${gateway}, the address that machines send to when they mean the world.`,
      remedy: `Give the machines’ bridge the address ${gateway}/${settings.tenantNetwork.split('/')[1]}.`,
    });
  }
  for (const name of facts.missingInterfaces) {
    fail('interface.missing', `There is no network interface ${name}.`, 'Correct [gateway] tenant_interfaces.');
  }
  for (const name of facts.notBridges) {
    findings.push({
      level: 'warn',
      code: 'gateway.interface.no-bridge',
      title: `${name} is no Linux bridge: what passes between machines on it is not seen here.`,
      remedy: 'Keep machines apart there by its own means, or use a Linux bridge.',
    });
  }
  for (const { bridge, port } of facts.uplinks) {
    const title = `The machines’ bridge ${bridge} has the network card ${port}: they are in the same network as what is behind it.`;
    fail('interface.uplink', title, 'Give machines a bridge without a card, and make this host their gateway.');
  }
  for (const { name, address } of facts.foreignUse) {
    const title = `${name} has ${address}, which is in the machines’ network ${settings.tenantNetwork}, and is not named in tenant_interfaces.`;
    fail('network.overlap', title, 'Choose another [gateway] tenant_network, or name the interface.');
  }
  if (settings.tenantInterfaces.length === 0) {
    findings.push({
      level: 'warn',
      code: 'gateway.interface.unnamed',
      title:
        'It is not known on which bridge the machines are, so packets under foreign addresses are only partly found out.',
      remedy: 'Set [gateway] tenant_interfaces.',
    });
  }
  if (findings.length > 0) return findings;
  return [
    {
      level: 'pass',
      code: 'gateway.host',
      title: 'Forwarding, addresses and interfaces are as the gateway needs them.',
    },
  ];
}

/** The oldest nft with which all of this was tried (Debian 12). */
const OLDEST_NFT = [1, 0, 6];

/** The helper and what it runs on. */
export function helperFindings(settings: NetworkSettings, about: Answer<'about'>): Finding[] {
  const findings: Finding[] = [];
  if (isOlder(about.nft)) {
    findings.push({
      level: 'warn',
      code: 'gateway.nft.old',
      title: `nft ${about.nft} is older than ${OLDEST_NFT.join('.')}, with which this was tried.`,
      remedy: 'Upgrade the package nftables.',
    });
  }
  if (about.settings !== settingsText(settings)) {
    findings.push({
      level: 'fail',
      code: 'gateway.helper.settings',
      title: 'The network helper goes by other settings than [gateway] has now.',
      remedy: 'Run: systemctl restart dc-agent-netd',
    });
  }
  if (about.bridge !== 'names') {
    const unseen = about.bridge === 'none';
    findings.push({
      level: unseen ? 'fail' : 'warn',
      code: 'gateway.kernel.bridge',
      title: unseen
        ? 'This kernel cannot filter what passes between the ports of a bridge: neighbours can reach each other.'
        : 'This kernel does not tell bridges by name: only packets with known addresses are stopped between neighbours.',
      remedy: 'Use a kernel with CONFIG_NF_TABLES_BRIDGE and CONFIG_NFT_BRIDGE_META, as Debian’s and Proxmox’s are.',
    });
  }
  if (findings.length > 0) return findings;
  return [{ level: 'pass', code: 'gateway.helper', title: `The network helper answers; nft is ${about.nft}.` }];
}

/** Rules of other programs that outrank ours: a packet that any of them drops is gone. */
export function foreignFindings(settings: NetworkSettings, survey: Answer<'survey'>): Finding[] {
  const names = settings.tenantInterfaces.length === 0 ? ['BRIDGE'] : settings.tenantInterfaces;
  return survey.forwardDrops.map((chain): Finding => {
    const docker = chain === 'ip filter FORWARD';
    const commands = names.flatMap((name) => [
      `iptables -I DOCKER-USER -i ${name} -j ACCEPT`,
      `iptables -I DOCKER-USER -o ${name} -j ACCEPT`,
    ]);
    return {
      level: 'warn',
      code: 'gateway.forward.policy',
      title: `Another program’s chain (${chain}) drops forwarded packets that it does not know; it must know the machines’ interface.`,
      remedy: docker
        ? `Beside Docker: ${commands.join('; ')}. Else: iptables -P FORWARD ACCEPT.`
        : `Let packets from and to ${names.join(', ')} through there; with firewalld: firewall-cmd --permanent --zone=trusted --add-interface=${names[0]}; firewall-cmd --reload`,
    };
  });
}

function isOlder(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [i, oldest] of OLDEST_NFT.entries()) {
    const part = parts[i] ?? 0;
    if (part !== oldest) return part < oldest;
  }
  return false;
}
