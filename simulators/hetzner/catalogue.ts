import type { Image, Iso, Location, ServerType } from './state.ts';

const DAY = 86_400_000;

export const LOCATIONS: readonly Location[] = [
  location(1, 'fsn1', 'Falkenstein DC Park 1', 'DE', 'Falkenstein', 50.47612, 12.370071, 'eu-central'),
  location(2, 'nbg1', 'Nuremberg DC Park 1', 'DE', 'Nuremberg', 49.452102, 11.076665, 'eu-central'),
  location(3, 'hel1', 'Helsinki DC Park 1', 'FI', 'Helsinki', 60.169855, 24.938379, 'eu-central'),
  location(4, 'ash', 'Ashburn, VA', 'US', 'Ashburn, VA', 39.045821, -77.487073, 'us-east'),
  location(5, 'hil', 'Hillsboro, OR', 'US', 'Hillsboro, OR', 45.54222, -122.951924, 'us-west'),
  location(6, 'sin', 'Singapore', 'SG', 'Singapore', 1.283333, 103.833333, 'ap-southeast'),
];

function location(
  id: number,
  name: string,
  description: string,
  country: string,
  city: string,
  latitude: number,
  longitude: number,
  network_zone: string,
): Location {
  return { id, name, description, country, city, latitude, longitude, network_zone };
}

const EUROPE = ['fsn1', 'nbg1', 'hel1'];
const EVERYWHERE = LOCATIONS.map(({ name }) => name);
const OVERSEAS = ['ash', 'hil', 'sin'];

/**
 * The types on sale: name, cores, GB of memory and disk, net cents a month, where. More than one page, as in reality. Their prices
 * are invented. `left` counts days until (or, negative, since) a type cannot be ordered any more.
 */
const TYPES: readonly (readonly [string, number, number, number, number, readonly string[], { left: number }?])[] = [
  ['cx23', 2, 4, 40, 299, EUROPE],
  ['cx33', 4, 8, 80, 499, EUROPE],
  ['cx43', 8, 16, 160, 949, EUROPE],
  ['cx53', 16, 32, 320, 1749, EUROPE],
  ['cpx11', 2, 2, 40, 435, OVERSEAS],
  ['cpx21', 3, 4, 80, 755, OVERSEAS],
  ['cpx31', 4, 8, 160, 1399, OVERSEAS],
  ['cpx41', 8, 16, 240, 2599, OVERSEAS],
  ['cpx51', 16, 32, 360, 5499, OVERSEAS],
  ['cpx12', 1, 2, 40, 549, EVERYWHERE],
  ['cpx22', 2, 4, 80, 649, EVERYWHERE],
  ['cpx32', 4, 8, 160, 1099, EVERYWHERE],
  ['cpx42', 8, 16, 320, 1999, EVERYWHERE],
  ['cpx52', 12, 24, 480, 2849, EVERYWHERE],
  ['cpx62', 16, 32, 640, 3849, EVERYWHERE],
  ['cax11', 2, 4, 40, 329, EUROPE],
  ['cax21', 4, 8, 80, 599, EUROPE],
  ['cax31', 8, 16, 160, 1149, EUROPE],
  ['cax41', 16, 32, 320, 2249, EUROPE],
  ['ccx13', 2, 8, 80, 1249, EVERYWHERE],
  ['ccx23', 4, 16, 160, 2449, EVERYWHERE],
  ['ccx33', 8, 32, 240, 4849, EVERYWHERE],
  ['ccx43', 16, 64, 360, 9649, EVERYWHERE],
  ['ccx53', 32, 128, 600, 19249, EVERYWHERE],
  ['ccx63', 48, 192, 960, 28849, EVERYWHERE],
  ['cx22', 2, 4, 40, 379, EUROPE, { left: -120 }],
  ['cx32', 4, 8, 80, 680, EUROPE, { left: -120 }],
  ['cx42', 8, 16, 160, 1640, EUROPE, { left: 30 }],
  ['cx52', 16, 32, 320, 3240, EUROPE, { left: 30 }],
];

/** Deprecations count from `now`, so that there is always one type on its way out and one that is out. */
export function serverTypes(now: number): ServerType[] {
  return TYPES.map(([name, cores, memory, disk, cents, where, leaving], at) => {
    const dedicated = name.startsWith('ccx');
    const deprecation = leaving && {
      announced: iso(now + (leaving.left - 90) * DAY),
      unavailable_after: iso(now + leaving.left * DAY),
    };
    return {
      id: 100 + at,
      name,
      description: name.toUpperCase(),
      cores,
      memory,
      disk,
      cents,
      locations: where,
      cpuType: dedicated ? 'dedicated' : 'shared',
      category: dedicated ? 'General Purpose' : 'Cost-Optimized',
      architecture: name.startsWith('cax') ? 'arm' : 'x86',
      deprecation,
    };
  });
}

type Flavor = Image['os_flavor'];

const SYSTEMS: readonly (readonly [Flavor, string, string, { deprecatedDays: number }?])[] = [
  ['debian', 'debian-11', '11', { deprecatedDays: 20 }],
  ['debian', 'debian-12', '12'],
  ['debian', 'debian-13', '13'],
  ['ubuntu', 'ubuntu-20.04', '20.04', { deprecatedDays: 200 }],
  ['ubuntu', 'ubuntu-22.04', '22.04'],
  ['ubuntu', 'ubuntu-24.04', '24.04'],
  ['ubuntu', 'ubuntu-26.04', '26.04'],
  ['fedora', 'fedora-43', '43'],
  ['fedora', 'fedora-44', '44'],
  ['rocky', 'rocky-8', '8'],
  ['rocky', 'rocky-9', '9'],
  ['rocky', 'rocky-10', '10'],
  ['alma', 'alma-8', '8'],
  ['alma', 'alma-9', '9'],
  ['alma', 'alma-10', '10'],
  ['centos', 'centos-stream-9', 'stream9'],
  ['centos', 'centos-stream-10', 'stream10'],
  ['opensuse', 'opensuse-15', '15'],
];
const APPS = ['docker-ce', 'gitlab', 'go', 'lamp', 'nextcloud', 'wordpress'];

/** System and app images, once per architecture and under the same name, which fills more than one page. */
export function publicImages(now: number): Image[] {
  const images: Image[] = [];
  const add = (
    type: 'system' | 'app',
    name: string,
    flavor: Flavor,
    version: string | null,
    deprecated?: number,
  ): void => {
    for (const architecture of ['x86', 'arm'] as const) {
      images.push({
        id: 45_557_000 + images.length,
        type,
        status: 'available',
        name,
        description: name.replace('-', ' '),
        image_size: null,
        disk_size: type === 'app' ? 20 : 5,
        created: now - 400 * DAY,
        created_from: null,
        bound_to: null,
        os_flavor: flavor,
        os_version: version,
        rapid_deploy: type === 'system',
        protection: { delete: false },
        deprecated: deprecated === undefined ? null : now - deprecated * DAY,
        labels: {},
        architecture,
      });
    }
  };
  for (const [flavor, name, version, leaving] of SYSTEMS) add('system', name, flavor, version, leaving?.deprecatedDays);
  for (const name of APPS) add('app', name, 'ubuntu', '24.04');
  return images;
}

/** How long a deprecated image can still be ordered. */
export const DEPRECATED_IMAGE_MS = 90 * DAY;

export const ISOS: readonly Iso[] = [
  { id: 26_101, name: 'debian-13-amd64-netinst.iso', description: 'Debian 13 (amd64/netinstall)', architecture: 'x86' },
  { id: 26_102, name: 'debian-13-arm64-netinst.iso', description: 'Debian 13 (arm64/netinstall)', architecture: 'arm' },
];

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
