/** On templates of ours, for people who look at the web interface; it proves nothing. */
export const TEMPLATE_TAG = 'dc-agent-template';

/** Comment of pool, user and token: how the setup knows its own again when an answer was lost. */
export const COMMENT = 'Made by dc-agent setup proxmox';

/** VMIDs of templates are looked for from here on: above what the web interface suggests, below the machines' range. */
export const FIRST_TEMPLATE_VMID = 9000;

/**
 * Names of tokens, `agent-<host>-<8 digits of the agent key>`, with the target's name where it has one of its own: no two share one, so
 * the setup of a second host, or of one that was installed anew, takes nothing away from the first.
 */
export function tokenName(host: string, agentKey: string, target: string): string {
  const plain = host
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '');
  const more = target === 'proxmox' ? '' : target;
  return ['agent', plain, agentKey.slice(0, 8), more].filter((part) => part !== '').join('-');
}
