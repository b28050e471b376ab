/** The platform simulator's door: the demo, the tests and the simulations import from here. */
export type { Admin, KeyPair, RentOrder } from './admin.ts';
export { makeSshKey } from './admin.ts';
export { type DevPlatform, type DevPlatformOptions, runPlatformSimulator, startDevPlatform } from './cli.ts';
export {
  type Admission,
  type CoreOptions,
  createPlatformCore,
  type Exchange,
  type Outcome,
  type PlatformCore,
  type PlatformRequest,
} from './core.ts';
export { openCredentials, sealCredentials } from './credentials.ts';
export type { Fault, FaultRule, Faults } from './faults.ts';
export { type PlatformServer, type ServerOptions, startPlatformServer } from './http.ts';
export { type InProcessOptions, inProcessTransport } from './in-process.ts';
export { type PlatformCrypto, type Quirks, REAL_SERVER, type Settings } from './options.ts';
export type { RouteName } from './routes/index.ts';
export { cheapSigning, realSigning, type Signing, signRequest } from './sign.ts';
export { type ClientOptions, createSignedClient, fetchTransport, type SignedClient } from './signed-client.ts';
export type { Contract, ContractStatus, Offering, PaymentStatus, Permission, Pool, State } from './state.ts';
export { createProviderClient, createTenant, type Order, type ProviderClient, type Tenant } from './tenant.ts';
export { cheapCrypto, cheapSignature, realCrypto } from './verify.ts';
