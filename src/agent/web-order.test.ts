import { expect, it } from 'vitest';
import { readWeb } from './web-order.ts';

it('takes its own keys out and leaves the plugin all others', () => {
  const wishes = { web_names: ['shop.example.com'], image: 'debian' };
  expect(readWeb(wishes, { web_port: 8080, web_tls: 'machine', size: 2 })).toEqual({
    contract: { image: 'debian' },
    offering: { size: 2 },
    web: { port: 8080, tls: 'machine', names: ['shop.example.com'] },
  });
});

it('lets the contract go before the offering, and says nothing where nothing is said', () => {
  const sold = { web_port: 8080, web_tls: 'machine' };
  expect(readWeb({ web_port: 3000, web_tls: 'gateway' }, sold)).toMatchObject({ web: { port: 3000 } });
  expect(readWeb({ web_tls: 'gateway' }, { web_tls: 'machine' })).toEqual({ contract: {}, offering: {} });
  expect(readWeb({ web_names: [] }, {})).toEqual({ contract: {}, offering: {} });
});

it.each<[string, object, object, RegExp]>([
  ['a port beyond all', { web_port: 70_000 }, {}, /web_port/],
  ['a port in words', {}, { web_port: '80' }, /web_port/],
  ['another way', { web_tls: 'none' }, {}, /web_tls/],
  ['a name for all machines of an offering', {}, { web_names: ['shop.example.com'] }, /only one contract/],
  ['one name twice', { web_names: ['shop.example.com', 'shop.example.com'] }, {}, /web_names/],
  ['too many names', { web_names: Array.from({ length: 9 }, (_, n) => `n${n}.example.com`) }, {}, /at most 8/],
  ['what is no text', { web_names: [7] }, {}, /web_names/],
  ['what could mean something to a web server', { web_names: ['*.example.com'] }, {}, /web_names/],
  ['a placeholder', { web_names: ['{env.HOME}.com'] }, {}, /web_names/],
])('refuses %s', (_what, contract, offering, why) => {
  expect(readWeb({ ...contract }, { ...offering })).toEqual({ refused: expect.stringMatching(why) });
});
