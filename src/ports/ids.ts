/** Domain identifiers are branded, so that one kind of id can never be passed where another is meant. */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** SHA-256 of a contract, 64 lower-case hex digits. */
export type ContractId = Branded<'ContractId'>;
/** What a backend calls one machine: a VMID, a container id, a server id. Meaningful only together with its target. */
export type ExternalId = Branded<'ExternalId'>;
/** The name of one configured backend. */
export type TargetName = Branded<'TargetName'>;
/** Names one attempt to create; the same id again must converge. 32 lower-case hex digits. */
export type OperationId = Branded<'OperationId'>;
/** The agent's public key, 64 lower-case hex digits. */
export type AgentId = Branded<'AgentId'>;

const HEX_64 = /^[0-9a-f]{64}$/;

/** Returns the id in its canonical (lower-case) form, or undefined when the text is not 64 hex digits. */
export function parseContractId(text: unknown): ContractId | undefined {
  if (typeof text !== 'string') return undefined;
  const lower = text.toLowerCase();
  return HEX_64.test(lower) ? (lower as ContractId) : undefined;
}

/** The short, DNS-legal host name of a contract's machine. The full id lives in the owner stamp. */
export function machineName(contract: ContractId): string {
  return `dc-${contract.slice(0, 16)}`;
}
