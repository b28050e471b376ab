/** On every machine of an agent, for people who look at the web interface; it proves nothing. */
export const DC_TAG = 'dc-agent';

/** As a host stores them: each once, sorted, joined by semicolons. */
export function tagsOf(more: readonly string[]): string {
  return [...new Set([DC_TAG, ...more])].sort().join(';');
}

export function hasTag(tags: string | undefined, tag: string): boolean {
  return split(tags).includes(tag);
}

/** The order depends on the datacenter's settings. */
export function sameTags(a: string | undefined, b: string): boolean {
  return split(a).join(';') === split(b).join(';');
}

function split(tags = ''): string[] {
  return [
    ...new Set(
      tags
        .toLowerCase()
        .split(/[;, ]+/)
        .filter(Boolean),
    ),
  ].sort();
}
