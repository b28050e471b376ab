import { HetznerRefusal, type Reply } from '../api.ts';
import type { Call, Endpoint } from '../call.ts';
import { ISOS, LOCATIONS } from '../catalogue.ts';
import { among, BY_ID, BY_NAME } from '../listing.ts';
import { money, VAT_PERCENT } from '../money.ts';
import type { Iso, Location, ServerType } from '../state.ts';
import { pricesOf, typeView } from '../views.ts';
import { reading } from './collection.ts';

export const catalogueEndpoints: readonly Endpoint[] = [
  ...reading<ServerType>({
    path: '/server_types',
    one: 'server_type',
    many: 'server_types',
    sortBy: BY_ID,
    rows: ({ types }) => types,
    view: typeView,
  }),
  ...reading<Location>({
    path: '/locations',
    one: 'location',
    many: 'locations',
    sortBy: BY_NAME,
    rows: () => LOCATIONS,
    view: (_cloud, location) => location,
  }),
  ...reading<Iso>({
    path: '/isos',
    one: 'iso',
    many: 'isos',
    sortBy: BY_ID,
    rows: () => ISOS,
    view: (_cloud, iso) => ({ ...iso, type: 'public', deprecation: null }),
    filter(query) {
      const architecture = among(query, 'architecture', ['x86', 'arm']);
      return (iso) => architecture(iso.architecture);
    },
  }),
  { call: 'GET /pricing', handle: pricing },
  { call: 'GET /datacenters', handle: gone },
  { call: 'GET /datacenters/{id}', handle: gone },
];

function pricing({ cloud }: Call): Reply {
  const addresses = (type: string, micro: number): object => ({
    type,
    prices: LOCATIONS.map(({ name }) => ({
      location: name,
      price_hourly: money(micro / 672),
      price_monthly: money(micro),
    })),
  });
  return {
    status: 200,
    body: {
      pricing: {
        currency: 'EUR',
        vat_rate: VAT_PERCENT.toFixed(10),
        primary_ips: [addresses('ipv4', 500_000), addresses('ipv6', 0)],
        floating_ips: [addresses('ipv4', 3_000_000), addresses('ipv6', 1_000_000)],
        floating_ip: { price_monthly: money(3_000_000) },
        image: { price_per_gb_month: money(11_000) },
        volume: { price_per_gb_month: money(44_000) },
        server_backup: { percentage: '20.0000000000' },
        server_types: cloud.types.map((type) => ({ id: type.id, name: type.name, prices: pricesOf(type) })),
        load_balancer_types: [],
      },
    },
  };
}

/** Data centers were announced to go after 1 October 2026. */
function gone(): Reply {
  throw new HetznerRefusal('deprecated_api_endpoint', 'API functionality was removed', {
    announcement: 'https://docs.hetzner.cloud/changelog',
  });
}
