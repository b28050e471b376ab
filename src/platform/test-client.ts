import { inspect } from 'node:util';
import { createSigner } from '../identity/sign.ts';
import { systemClock } from '../ports/clock.ts';
import { type ContractId, parseContractId } from '../ports/ids.ts';
import { type Log, silentLog } from '../ports/log.ts';
import { systemRandom } from '../ports/random.ts';
import { Secret } from '../ports/secret.ts';
import { createBudget } from './budget.ts';
import { createPlatformClient, type PlatformClient, type PlatformClientDeps } from './client.ts';
import { createHttpTransport, type HttpTransport } from './http-transport.ts';
import { startTestServer, type TestServer } from './test-server.ts';

/** The agent key of every test client. */
export const SEED = '0123456789abcdef'.repeat(4);
/** Upper case, as an operator may have pasted it. */
export const PROVIDER = 'AB'.repeat(32);

export const contract = contractId('c0');
export const otherContract = contractId('c1');

/** For tests: a real server, and clients that speak to it over real connections. */
export interface TestBench {
  readonly server: TestServer;
  readonly transport: HttpTransport;
  /** A client with a rate budget of its own. */
  client(more?: Partial<PlatformClientDeps>): PlatformClient;
  /** Everything that the clients have logged. */
  logged(): string;
  close(): Promise<void>;
}

export async function startTestBench({ connections = 8 } = {}): Promise<TestBench> {
  const server = await startTestServer();
  const { endpoint } = server;
  const transport = createHttpTransport({ endpoint, name: 'platform', connections });
  const heartbeatTransport = createHttpTransport({ endpoint, name: 'heartbeat', connections: 1 });
  let logged = '';
  const note = (fields: object, message: string): void => {
    logged += `${inspect({ ...fields, message }, { depth: null, showHidden: true })}\n`;
  };
  const log: Log = { ...silentLog, debug: note, info: note, warn: note, error: note };
  return {
    server,
    transport,
    client: (more = {}) =>
      createPlatformClient({
        transport,
        heartbeatTransport,
        signer: createSigner(new Secret(SEED)),
        providerPubkey: PROVIDER,
        clock: systemClock,
        random: systemRandom,
        budget: createBudget({ clock: systemClock }),
        log,
        ...more,
      }),
    logged: () => logged,
    async close() {
      await transport.close();
      await heartbeatTransport.close();
      await server.close();
    },
  };
}

function contractId(byte: string): ContractId {
  const parsed = parseContractId(byte.repeat(32));
  if (!parsed) throw new Error(`no contract id: ${byte}`);
  return parsed;
}
