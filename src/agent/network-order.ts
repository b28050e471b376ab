import { createHash } from 'node:crypto';
import { networkConfig } from '../guest/index.ts';
import type { OperationId } from '../ports/ids.ts';
import type { Capabilities, NetworkOrder, StaticAddress } from '../provisioner/contract.ts';

/** What cloud-init in a machine is told of the address that we chose; undefined where the backend hands it nothing of that kind. */
export function networkOrder(
  operation: OperationId,
  { ipv4, prefixLength, gateway }: StaticAddress,
  { networkConfig: way }: Capabilities,
): NetworkOrder | undefined {
  if (way === undefined) return undefined;
  const mac = cardOf(operation);
  const addresses = [{ address: ipv4, prefixLength }];
  return { mac, config: networkConfig({ mac, addresses, gateways: [gateway], nameservers: way.nameservers }) };
}

/** A hardware address of our own making (02: locally administered), the same for every attempt: no two machines' by chance. */
function cardOf(operation: OperationId): string {
  const digits = createHash('sha256').update(`network card ${operation}`).digest('hex').slice(0, 10);
  return `02:${(digits.match(/../g) ?? []).join(':')}`;
}
