import { request } from 'node:https';
import { parse } from 'smol-toml';
import { expect, it } from 'vitest';
import { proxmoxSettings } from '../../provisioners/proxmox/schema.ts';
import { startDevProxmox } from './dev.ts';
import { INSTANT_TIMINGS } from './timings.ts';

it('a host that is started by hand answers the agent that is configured with its lines', async () => {
  const dev = await startDevProxmox({ personality: '8.4', timings: INSTANT_TIMINGS });
  try {
    const { provisioner } = parse(dev.configuration) as { provisioner: { type: string; proxmox: unknown } };
    const settings = proxmoxSettings.parse(provisioner.proxmox);
    const status = await new Promise((resolve, reject) => {
      const headers = { authorization: `PVEAPIToken=${settings.api_token_id}=${dev.playground.token.secret}` };
      request(`${settings.api_url}/api2/json/version`, { ca: dev.server.ca, headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect([provisioner.type, status]).toEqual(['proxmox', 200]);
  } finally {
    await dev.close();
  }
});
