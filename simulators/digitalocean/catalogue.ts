export interface Size {
  readonly slug: string;
  /** MB. */
  readonly memory: number;
  readonly vcpus: number;
  /** GB. */
  readonly disk: number;
  /** TB a month. */
  readonly transfer: number;
  readonly priceMonthly: number;
  readonly regions: readonly string[];
}

export interface Region {
  readonly slug: string;
  readonly name: string;
  readonly available: boolean;
}

export interface Image {
  readonly id: number;
  readonly name: string;
  readonly distribution: string;
  /** Null for snapshots of the account's own. */
  readonly slug: string | null;
  readonly public: boolean;
  readonly minDiskSize: number;
  readonly regions: readonly string[];
}

/** nyc2 has been closed for new droplets since long. */
export const REGIONS: readonly Region[] = [
  { slug: 'nyc1', name: 'New York 1', available: true },
  { slug: 'nyc2', name: 'New York 2', available: false },
  { slug: 'nyc3', name: 'New York 3', available: true },
  { slug: 'ams3', name: 'Amsterdam 3', available: true },
  { slug: 'fra1', name: 'Frankfurt 1', available: true },
  { slug: 'sgp1', name: 'Singapore 1', available: true },
];

const EVERYWHERE = REGIONS.map(({ slug }) => slug);

/** Prices are invented. */
export const SIZES: readonly Size[] = [
  {
    slug: 's-1vcpu-512mb-10gb',
    memory: 512,
    vcpus: 1,
    disk: 10,
    transfer: 0.5,
    priceMonthly: 4,
    regions: ['nyc1', 'ams3'],
  },
  { slug: 's-1vcpu-1gb', memory: 1_024, vcpus: 1, disk: 25, transfer: 1, priceMonthly: 6, regions: EVERYWHERE },
  { slug: 's-1vcpu-2gb', memory: 2_048, vcpus: 1, disk: 50, transfer: 2, priceMonthly: 12, regions: EVERYWHERE },
  { slug: 's-2vcpu-4gb', memory: 4_096, vcpus: 2, disk: 80, transfer: 4, priceMonthly: 24, regions: EVERYWHERE },
  { slug: 's-4vcpu-8gb', memory: 8_192, vcpus: 4, disk: 160, transfer: 5, priceMonthly: 48, regions: EVERYWHERE },
  { slug: 'c-2', memory: 4_096, vcpus: 2, disk: 25, transfer: 4, priceMonthly: 42, regions: ['nyc3', 'fra1'] },
];

export const IMAGES: readonly Image[] = [
  image(101, '24.04 (LTS) x64', 'Ubuntu', 'ubuntu-24-04-x64', 7),
  image(102, '13 x64', 'Debian', 'debian-13-x64', 7),
  image(103, '43 x64', 'Fedora', 'fedora-43-x64', 15),
  { ...image(900, 'template', 'Debian', null, 25), public: false, regions: ['nyc3', 'fra1'] },
];

function image(id: number, name: string, distribution: string, slug: string | null, minDiskSize: number): Image {
  return { id, name, distribution, slug, public: true, minDiskSize, regions: EVERYWHERE };
}
