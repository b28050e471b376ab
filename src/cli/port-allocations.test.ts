import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPortAllocations } from './port-allocations.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dc-ports-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function read(content: unknown): Promise<Awaited<ReturnType<typeof readPortAllocations>>> {
  const path = join(directory, 'port-allocations.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return readPortAllocations(path);
}

describe('the port allocations of the reference agent', () => {
  it('are read as it wrote them, and what makes no sense is counted', async () => {
    const { routes, unreadable } = await read({
      allocations: {
        abc123: { base: 20_000, count: 10, contract_id: 'aa', internal_ip: '10.0.0.5' },
        def456: { base: 20_010, count: 10, contract_id: 'bb' },
        'not-a-slug': { base: 20_020, count: 10, contract_id: 'cc' },
        ghi789: { base: 65_530, count: 10, contract_id: 'dd' },
        jkl012: 'nothing',
      },
    });
    expect([...routes]).toEqual([
      ['aa', { slug: 'abc123', firstPort: 20_000, portCount: 10 }],
      ['bb', { slug: 'def456', firstPort: 20_010, portCount: 10 }],
    ]);
    expect(unreadable).toBe(3);
  });

  it('need not be there', async () => {
    expect((await readPortAllocations(join(directory, 'absent.json'))).routes.size).toBe(0);
  });

  it.each(['', '[]', '{"allocations":[]}', '{"ports":{}}'])(
    'are refused when the file is something else: %s',
    async (text) => {
      await expect(read(text)).rejects.toThrow('is not a list of port allocations');
    },
  );
});
