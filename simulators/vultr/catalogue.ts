export interface Plan {
  readonly id: string;
  readonly vcpus: number;
  /** MB. */
  readonly ram: number;
  /** GB. */
  readonly disk: number;
  /** GB a month. */
  readonly bandwidth: number;
  /** USD a month; invented. */
  readonly monthly: number;
  readonly type: string;
  readonly locations: readonly string[];
}

export interface Region {
  readonly id: string;
  readonly city: string;
  readonly country: string;
  readonly continent: string;
}

export interface Os {
  readonly id: number;
  readonly name: string;
  readonly arch: string;
  readonly family: string;
}

export const REGIONS: readonly Region[] = [
  { id: 'ams', city: 'Amsterdam', country: 'NL', continent: 'Europe' },
  { id: 'fra', city: 'Frankfurt', country: 'DE', continent: 'Europe' },
  { id: 'ewr', city: 'New Jersey', country: 'US', continent: 'North America' },
  { id: 'sgp', city: 'Singapore', country: 'SG', continent: 'Asia' },
];

const EVERYWHERE = REGIONS.map(({ id }) => id);

function plan(id: string, vcpus: number, ram: number, disk: number, monthly: number, locations = EVERYWHERE): Plan {
  return { id, vcpus, ram, disk, bandwidth: 1024 * vcpus, monthly, type: id.slice(0, id.indexOf('-')), locations };
}

export const PLANS: readonly Plan[] = [
  // The cheapest has no IPv4 address, and exists in few places.
  plan('vc2-1c-0.5gb-v6', 1, 512, 10, 2.5, ['ewr']),
  plan('vc2-1c-1gb', 1, 1_024, 25, 5),
  plan('vc2-1c-2gb', 1, 2_048, 55, 10),
  plan('vc2-2c-4gb', 2, 4_096, 80, 20),
  plan('vc2-4c-8gb', 4, 8_192, 160, 40),
  plan('vhf-1c-1gb', 1, 1_024, 32, 6, ['ams', 'ewr']),
  plan('vhf-2c-4gb', 2, 4_096, 128, 24, ['ams', 'ewr']),
  plan('vhp-2c-4gb-amd', 2, 4_096, 100, 24, ['ams', 'fra', 'sgp']),
];

export const SYSTEMS: readonly Os[] = [
  { id: 159, name: 'Custom', arch: 'x64', family: 'iso' },
  { id: 164, name: 'Snapshot', arch: 'x64', family: 'snapshot' },
  { id: 1743, name: 'Ubuntu 22.04 LTS x64', arch: 'x64', family: 'ubuntu' },
  { id: 2136, name: 'Debian 12 x64 (bookworm)', arch: 'x64', family: 'debian' },
  { id: 2284, name: 'Ubuntu 24.04 LTS x64', arch: 'x64', family: 'ubuntu' },
  { id: 501, name: 'Windows 2022 Standard x64', arch: 'x64', family: 'windows' },
];

/** Images of the marketplace, which are named by a word of their own. */
export const MARKETPLACE: readonly { readonly id: number; readonly name: string; readonly image_id: string }[] = [
  { id: 1_028, name: 'Docker on Ubuntu', image_id: 'docker' },
  { id: 1_031, name: 'OpenLiteSpeed WordPress', image_id: 'openlitespeed-wordpress' },
];
