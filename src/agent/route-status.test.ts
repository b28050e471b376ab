import { expect, it } from 'vitest';
import type { ContractId } from '../ports/ids.ts';
import type { Agent } from './agent.ts';
import { only } from './fixtures.ts';
import type { RoutesAsMade } from './route-lane.ts';
import { routeFindings } from './route-status.ts';

const [ALICE, BOB, CAROL] = ['a', 'b', 'c'].map((letter) => letter.repeat(64) as ContractId);

function findings(missing: ReadonlyMap<ContractId | undefined, string>): string[] {
  const made = only<RoutesAsMade>({ missing: missing as ReadonlyMap<ContractId, string>, withheld: new Map() });
  const agent = only<Agent>({
    deps: only<Agent['deps']>({
      gateway: only<NonNullable<Agent['deps']['gateway']>>({}),
      ledger: only<Agent['deps']['ledger']>({ records: new Map() }),
    }),
    routes: only<NonNullable<Agent['routes']>>({ made, ...({ problem: undefined } as object) }),
    traffic: only<Agent['traffic']>({ over: [] }),
  });
  return routeFindings(agent).map(({ code, title }) => `${code} ${title}`);
}

it('tells each reason for a missing name once, with the contracts that it is about', () => {
  const missing = new Map([
    [ALICE, 'Caddy does not answer'],
    [BOB, 'TLS is not passed through'],
    [CAROL, 'Caddy does not answer'],
  ]);
  expect(findings(missing)).toEqual([
    'route.missing Contract aaaaaaaaaaaa, as 1 more, lacks a name or HTTPS: Caddy does not answer',
    'route.missing Contract bbbbbbbbbbbb lacks a name or HTTPS: TLS is not passed through',
  ]);
  expect(findings(new Map())).toEqual([]);
});
