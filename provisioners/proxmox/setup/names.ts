/** What the setup calls things when it is not told otherwise. A role may not begin with `PVE`. */
export const DEFAULT_POOL = 'dc-agent';
export const DEFAULT_ROLE = 'DcAgent';
export const DEFAULT_USER = 'dc-agent@pve';

/** On templates of ours, for people who look at the web interface; it proves nothing. */
export const TEMPLATE_TAG = 'dc-agent-template';

/** Comment of pool, user and token: how the setup knows its own again when an answer was lost. */
export const COMMENT = 'Made by dc-agent setup proxmox';

/** VMIDs of templates are looked for from here on: above what the web interface suggests, below the machines' range. */
export const FIRST_TEMPLATE_VMID = 9000;

/**
 * Names of tokens, `agent-<host>-<8 digits of the agent key>`: no two agents share one, so the setup of a second host, or of one that
 * was installed anew, takes nothing away from the first.
 */
export function tokenName(host: string, agentKey: string): string {
  const plain = host
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '');
  return ['agent', plain, agentKey.slice(0, 8)].filter((part) => part !== '').join('-');
}
