import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceDetails } from './api.ts';
import type { PlatformClient } from './client.ts';
import { contract, startTestBench, type TestBench } from './test-client.ts';
import { failure, type Received, success, type TestServer, text } from './test-server.ts';

const DETAILS: InstanceDetails = {
  external_id: '100',
  ip_address: '10.0.0.1',
  ipv6_address: null,
  ssh_port: 22,
  root_password: null,
  additional_details: null,
};

let bench: TestBench;
let server: TestServer;
let client: PlatformClient;
beforeEach(async () => {
  bench = await startTestBench();
  ({ server } = bench);
  client = bench.client();
});
afterEach(() => bench.close());

describe('the report of a machine', () => {
  it('holds JSON in a string, keys in order, the password only when there is one', async () => {
    server.answer = success('done');
    expect(await client.reportProvisioned(contract, DETAILS)).toEqual({ outcome: 'done' });
    await client.reportProvisioned(contract, {
      gateway_ssh_port: 20_000,
      public_ip: '192.0.2.1',
      ...DETAILS,
      root_password: 'p"w',
      additional_details: 'a\0b',
    });
    const bodies = server.received.map(({ body }) => JSON.parse(body));
    expect(bodies.map(({ status }) => status)).toEqual(['provisioned', 'provisioned']);
    expect(bodies.map(({ instanceDetails }) => instanceDetails)).toEqual([
      '{"external_id":"100","ip_address":"10.0.0.1","ipv6_address":null,"ssh_port":22,"root_password":null,"additional_details":null}',
      '{"external_id":"100","ip_address":"10.0.0.1","ipv6_address":null,"public_ip":"192.0.2.1","ssh_port":22,' +
        '"root_password":"p\\"w","additional_details":"ab","gateway_ssh_port":20000}',
    ]);
  });

  it('never lets a password into an error, an answer or the log, even when the platform quotes it', async () => {
    const password = 'hunter2-"quoted"';
    const quote: TestServer['answer'] = (response, { body }) =>
      failure(`cannot store ${password} of ${body}`)(response, { body } as Received);
    server.answer = quote;
    const answer = await client.reportProvisioned(contract, { ...DETAILS, root_password: password });
    expect(answer).toMatchObject({ outcome: 'refused', text: expect.stringContaining('cannot store ••••') });
    const second = await client.completePasswordReset(contract, password);
    server.answer = text(400, `parse error near ${password}`);
    const error: unknown = await client.completePasswordReset(contract, password).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ kind: 'bug' });
    expect(`${JSON.stringify([answer, second])}${String(error)}${bench.logged()}`).not.toContain('hunter2');
  });

  it('is read through the oracle', async () => {
    server.answer = failure(
      "Invalid status transition: cancelled -> provisioned. Valid transitions from 'cancelled': []",
    );
    expect(await client.reportProvisioned(contract, DETAILS)).toEqual({ outcome: 'dead', status: 'cancelled' });
    server.answer = failure('Contract not found or not in cancelled status (ID: x)');
    expect(await client.reportTerminated(contract)).toEqual({ outcome: 'out-of-order', status: 'not-cancelled' });
  });
});
