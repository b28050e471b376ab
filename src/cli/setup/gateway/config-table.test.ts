import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { withGateway, withoutGateway } from './config-table.ts';
import type { GatewayChoice } from './decide.ts';

const CHOICE: GatewayChoice = {
  publicIp: '203.0.113.10',
  dcId: 'dc-abc',
  tenantNetwork: '10.77.0.0/16',
  bridges: ['vmbr1'],
  web: 'caddy',
  certificates: 'acme-dns',
};
const WANTED = {
  dc_id: 'dc-abc',
  public_ip: '203.0.113.10',
  tenant_network: '10.77.0.0/16',
  tenant_interfaces: ['vmbr1'],
  web: 'caddy',
  certificates: 'acme-dns',
};

describe('[gateway] in the configuration', () => {
  it.each([
    ['# mine\n[api]\nendpoint = "x"\n', {}],
    ['[api]\nendpoint = "x"', {}],
    ['[gateway] # ours\ndc_id = "dc-abc"\n\n[api]\nendpoint = "x"\n', {}],
    ['[gateway]\nports_per_vm = 20\nsmtp = "allow"\n[api]\nendpoint = "x"\n', { ports_per_vm: 20, smtp: 'allow' }],
  ])('gets what it lacks, and every line of the operator’s stays: %#', (text, more) => {
    const { text: result, added } = withGateway(text, '/f', CHOICE);
    expect(parse(result)).toEqual({ api: { endpoint: 'x' }, gateway: { ...WANTED, ...more } });
    for (const line of text.split('\n')) expect(result.split('\n')).toContain(line);
    expect(withoutGateway(result, added)).toBe(text);
    expect(withGateway(result, '/f', CHOICE)).toEqual({ text: result, added: '' });
  });

  it('is not changed where it says something else', () => {
    expect(() => withGateway('[gateway]\npublic_ip = "198.51.100.1"\n', '/f', CHOICE)).toThrow(
      /gateway.public_ip = "198.51.100.1", and "203.0.113.10" was asked for/,
    );
  });

  it('is left alone where it is written in a way that cannot be added to', () => {
    expect(() => withGateway('gateway = { dc_id = "dc-abc" }\n', '/f', CHOICE)).toThrow(/\[gateway\] in \/f/);
  });

  it('stays when what was put in does not stand there any more', () => {
    expect(withoutGateway('[gateway]\n', 'dc_id = "dc-abc"\n')).toBeUndefined();
  });
});
