import type { GatewayConfig } from '../config/types.ts';

/** The part of `[gateway]` that the kernel's rules follow from; the helper knows no other. */
const KEYS = [
  'publicIp',
  'localIp',
  'portRangeStart',
  'portRangeEnd',
  'portsPerVm',
  'tenantNetwork',
  'tenantNetworkV6',
  'tenantInterfaces',
  'hostServices',
  'allowedNetworks',
  'smtp',
  'metadata',
  'newConnectionsPerSecond',
  'bandwidthMbit',
  'throttleMbit',
  'nftTable',
] as const satisfies readonly (keyof GatewayConfig)[];

export type NetworkSettings = Pick<GatewayConfig, (typeof KEYS)[number]>;

/** As text, to tell whether two processes go by the same settings. */
export function settingsText(settings: NetworkSettings): string {
  return JSON.stringify(KEYS.map((key) => settings[key] ?? null));
}
