import type { Os, Plan, Region } from './catalogue.ts';
import { SYSTEMS } from './catalogue.ts';
import type { Cloud } from './cloud.ts';
import type { Instance } from './state.ts';

/**
 * An instance as the API shows it, without the password, which is told with the order only. One whose tags are late shows without
 * them.
 */
export function instanceView({ clock }: Cloud, instance: Instance): object {
  const { plan } = instance;
  const tags = instance.hiddenUntil > clock.monotonic() ? [] : instance.tags;
  return {
    id: instance.id,
    os: SYSTEMS.find(({ id }) => id === instance.osId)?.name ?? '',
    ram: plan.ram,
    disk: plan.disk,
    main_ip: instance.ipv4 ?? (instance.wants.ipv4 ? '0.0.0.0' : ''),
    vcpu_count: plan.vcpus,
    region: instance.region.id,
    plan: plan.id,
    date_created: new Date(instance.created).toISOString().replace('.000Z', '+00:00'),
    status: instance.status,
    allowed_bandwidth: plan.bandwidth,
    netmask_v4: instance.ipv4 === undefined ? '' : '255.255.254.0',
    gateway_v4: instance.ipv4 === undefined ? '0.0.0.0' : '198.18.0.1',
    power_status: instance.power,
    server_status: instance.server,
    v6_network: instance.ipv6 === undefined ? '' : instance.ipv6.replace(/:5400:2ff:fe00:1$/, '::'),
    v6_main_ip: instance.ipv6 ?? '',
    v6_network_size: instance.ipv6 === undefined ? 0 : 64,
    label: instance.label,
    internal_ip: '',
    kvm: '',
    hostname: instance.hostname,
    tag: tags[0] ?? '',
    tags,
    os_id: instance.osId,
    app_id: 0,
    image_id: instance.imageId,
    snapshot_id: instance.snapshotId,
    firewall_group_id: instance.firewallGroup,
    features: instance.wants.ipv6 ? ['ipv6'] : [],
    user_scheme: 'root',
  };
}

export function planView(plan: Plan): object {
  return {
    id: plan.id,
    vcpu_count: plan.vcpus,
    ram: plan.ram,
    disk: plan.disk,
    disk_count: 1,
    bandwidth: plan.bandwidth,
    monthly_cost: plan.monthly,
    hourly_cost: Math.ceil((plan.monthly / 672) * 1_000) / 1_000,
    type: plan.type,
    locations: plan.locations,
  };
}

export function regionView(region: Region): object {
  return { ...region, options: ['ddos_protection', 'block_storage_high_perf'] };
}

export function osView(os: Os): object {
  return { ...os };
}
