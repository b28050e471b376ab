import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { vultrSettings } from '../../provisioners/vultr/schema.ts';
import { startDevVultr } from './dev.ts';

test('an account that is started by hand answers the agent that is configured with its lines', async () => {
  const dev = await startDevVultr({});
  try {
    const { targets } = parse(dev.configuration) as { targets: { type: string; vultr: unknown }[] };
    const settings = vultrSettings.parse(targets[0]?.vultr);
    const answer = await fetch(`${settings.endpoint}/instances`, {
      headers: { authorization: `Bearer ${settings.api_key.reveal()}` },
    });
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { instances: [], meta: { total: 0, links: { next: '', prev: '' } } },
    ]);
  } finally {
    await dev.close();
  }
});
