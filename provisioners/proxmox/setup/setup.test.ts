import { afterEach, describe, expect, test } from 'vitest';
import { BareGround, type GroundOptions } from './fixtures.ts';
import { rehearse } from './paper.ts';
import { undo } from './undo.ts';

let ground: BareGround;
afterEach(() => ground.core.close());

const open = async (options?: GroundOptions): Promise<BareGround> => {
  ground = await BareGround.open(options);
  return ground;
};

const privileges = (role = 'DcAgent'): string[] => [...(ground.core.cluster.roles.get(role) ?? [])];

describe.each(['8.4', '9.1'] as const)('on a host of version %s', (personality) => {
  test('everything is made, and the agent gets exactly its role on its paths, for user and token', async () => {
    await open({ personality });
    const { steps, templates } = await ground.plan();
    await ground.apply(steps);
    expect(templates).toEqual([{ vmid: 9000, name: 'debian-13' }]);
    const guest = ground.core.cluster.guests.get(9000);
    expect(guest).toMatchObject({ template: true, pool: 'dc-agent' });
    expect(guest?.config.get('scsi0')).toContain('local-lvm:base-9000-disk-0');
    expect(guest?.config.get('ide2')).toContain('cloudinit');
    expect(ground.token?.id).toBe('dc-agent@pve!agent-host-1');
    const paths = ['/nodes/pve', '/pool/dc-agent', '/sdn/zones/localnetwork/vmbr0', '/storage/local-lvm'];
    expect(ground.core.cluster.acl.map(({ path, who }) => `${path} ${who}`).sort()).toEqual(
      paths.flatMap((path) => [`${path} dc-agent@pve`, `${path} dc-agent@pve!agent-host-1`]),
    );
    expect(privileges().includes('VM.Monitor')).toBe(personality === '8.4');
    expect(privileges().includes('VM.GuestAgent.Audit')).toBe(personality === '9.1');
    // The image is in the template; its file would only take room.
    expect([...(ground.core.cluster.nodes.get('pve')?.volumes.keys() ?? [])].join()).not.toContain('import');
  });

  test('a dry run shows exactly the calls that are made then, in this order', async () => {
    await open({ personality });
    const { steps } = await ground.plan({ wishes: { agent: 'first-boot' } });
    const shown = (await rehearse(steps, ground.clock, ground.signal)).flatMap(({ calls }) => calls);
    expect(ground.writes()).toEqual([]);
    await ground.apply(steps);
    const calls = shown
      .filter((line) => !line.startsWith('write '))
      .map((line) => line.split(' ').slice(0, 2).join(' '));
    expect(calls).toEqual(ground.writes().map((call) => decodeURIComponent(call)));
    expect(shown.join('\n')).toContain('POST /pools poolid=dc-agent');
    expect(shown.join('\n')).toContain('write the file of local:snippets/dc-agent-guest-agent.yaml on this host');
  });

  test('a second setup finds everything there and does nothing', async () => {
    await open({ personality });
    await ground.apply((await ground.plan()).steps);
    const { steps, templates } = await ground.plan({ token: 'works' });
    expect(steps).toEqual([]);
    expect(templates).toEqual([{ vmid: 9000, name: 'debian-13' }]);
  });

  test('taken back, the cluster is as it was', async () => {
    await open({ personality });
    const before = ground.picture();
    await ground.apply((await ground.plan({ wishes: { agent: 'first-boot' } })).steps);
    expect(ground.picture()).not.toEqual(before);
    expect(await undo([...ground.made], ground.work, ground.journal)).toEqual([]);
    expect(ground.picture()).toEqual(before);
    expect(ground.made).toEqual([]);
  });
});

test('whichever call is refused, what was made by then can be taken back, and nothing else', async () => {
  await open();
  const before = ground.picture();
  const total = await countWrites();
  for (let n = 0; n < total; n++) {
    const { steps } = await ground.plan({ wishes: { agent: 'first-boot' } });
    ground.doom(n, 'refused');
    await expect(ground.apply(steps), `write ${n}`).rejects.toThrow('not today');
    expect(await undo([...ground.made], ground.work, ground.journal), `write ${n}`).toEqual([]);
    expect(ground.picture(), `write ${n}`).toEqual(before);
  }
});

describe.each(['lost-before', 'lost-after'] as const)('an answer that is %s the host did it', (fate) => {
  test('costs nothing: whichever it is, there is one of everything at the end', async () => {
    await open();
    const total = await countWrites();
    await ground.apply((await ground.plan({ wishes: { agent: 'first-boot' } })).steps);
    const wanted = ground.picture();
    for (let n = 0; n < total; n++) {
      await undo([...ground.made], ground.work, ground.journal);
      const { steps } = await ground.plan({ wishes: { agent: 'first-boot' } });
      ground.doom(n, fate);
      await ground.apply(steps);
      expect(ground.picture(), `write ${n}`).toEqual(wanted);
    }
  });

  test('of a removal is no trouble either', async () => {
    await open();
    const before = ground.picture();
    const total = await countWrites('and back');
    for (let n = 0; n < total; n++) {
      await ground.apply((await ground.plan()).steps);
      ground.doom(n, fate);
      expect(await undo([...ground.made], ground.work, ground.journal), `write ${n}`).toEqual([]);
      expect(ground.picture(), `write ${n}`).toEqual(before);
    }
  });
});

async function countWrites(which: 'there' | 'and back' = 'there'): Promise<number> {
  const start = ground.writes().length;
  await ground.apply((await ground.plan(which === 'there' ? { wishes: { agent: 'first-boot' } } : {})).steps);
  const there = ground.writes().length;
  await undo([...ground.made], ground.work, ground.journal);
  const count = which === 'there' ? there - start : ground.writes().length - there;
  expect(count).toBeGreaterThan(10);
  return count;
}
