import type { Web } from '../gateway/port.ts';

type Settings = Readonly<Record<string, unknown>>;

/** So many names fit a certificate's limits many times over, and no contract fills the web server. */
const MAX_NAMES = 8;

/**
 * Takes what is said about a machine's web server out of the settings: what is left is for the plugin. The contract goes before the
 * offering; names are a contract's only, since no two machines can have one. `refused` says what has to be mended.
 */
export function readWeb(
  contract: Settings,
  offering: Settings,
): { readonly contract: Settings; readonly offering: Settings; readonly web?: Web } | { readonly refused: string } {
  const { web_port: ownPort, web_tls: ownTls, web_names: names, ...wished } = contract;
  const { web_port: soldPort, web_tls: soldTls, web_names: shared, ...offered } = offering;
  if (shared !== undefined)
    return { refused: "the offering's provisioner_config gives web_names, which only one contract can have" };
  const port = ownPort ?? soldPort;
  const tls = ownTls ?? soldTls;
  if (port !== undefined && !isPort(port)) return { refused: 'web_port is not a port from 1 to 65535' };
  if (tls !== undefined && tls !== 'gateway' && tls !== 'machine')
    return { refused: 'web_tls is not "gateway" or "machine"' };
  if (names !== undefined && !isNames(names))
    return { refused: `web_names is not a list of at most ${MAX_NAMES} different host names` };
  const web: Web = {
    ...(port === undefined ? {} : { port }),
    ...(tls === 'machine' ? { tls } : {}),
    ...(names === undefined || names.length === 0 ? {} : { names }),
  };
  return { contract: wished, offering: offered, ...(Object.keys(web).length === 0 ? {} : { web }) };
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;
}

/** Whether each may be had is the gateway's to say, and told with the contract. */
function isNames(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_NAMES &&
    new Set(value).size === value.length &&
    value.every((one) => typeof one === 'string' && /^[a-z0-9.-]{4,253}$/.test(one))
  );
}
