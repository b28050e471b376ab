import type { VmConfig } from '../wire.ts';
import type { PinnedImage } from './images.ts';

/** What the description of a template of ours says. */
export interface TemplateMark {
  /** Of the setup that made it: what it may remove again. */
  readonly setup: string;
  readonly image: string;
  /** The first digits of the image's digest. */
  readonly digest: string;
}

const HEAD = 'dc-agent-template:';

/** A line for machines below a sentence for people. The clones of a template get another description in the call that makes them. */
export function renderMark(setup: string, { id, url, checksum }: PinnedImage): string {
  const line = `${HEAD} setup=${setup} image=${id} digest=${checksum.hex.slice(0, 16)}`;
  return `Template of dc-agent, made by "dc-agent setup proxmox" of ${url}\n\n${line}`;
}

/** Undefined for anything that the setup did not make. */
export function readMark(config: VmConfig): TemplateMark | undefined {
  const line = (config['description'] ?? '').split('\n').find((one) => one.startsWith(HEAD));
  const { setup, image, digest } = Object.fromEntries(
    (line ?? '')
      .slice(HEAD.length)
      .trim()
      .split(' ')
      .map((pair) => {
        const at = pair.indexOf('=');
        return [pair.slice(0, at), pair.slice(at + 1)] as const;
      }),
  );
  if (setup === undefined || image === undefined || digest === undefined) return undefined;
  return { setup, image, digest };
}
