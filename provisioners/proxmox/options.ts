/**
 * A value such as `virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1` or `local:9000/disk.raw,size=3G`. The first part may come
 * without a key; it stands under the empty one. The order is kept.
 */
export type Options = ReadonlyMap<string, string>;

export function parseOptions(text: string | undefined): Options {
  const parts = (text ?? '').split(',').filter((part) => part !== '');
  return new Map(
    parts.map((part, index) => {
      const at = part.indexOf('=');
      if (at > 0) return [part.slice(0, at), part.slice(at + 1)];
      return [index === 0 ? '' : part, index === 0 ? part : ''];
    }),
  );
}

export function formatOptions(options: Options): string {
  return [...options].map(([key, value]) => (key === '' ? value : `${key}=${value}`)).join(',');
}

/** True for what Perl and the host's parser take for yes. */
export function isOn(value: string | undefined): boolean {
  return value !== undefined && /^(1|on|yes|true)$/i.test(value);
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes of a disk's `size`, such as `2300M`; undefined for anything else. */
export function parseSize(text: string | undefined): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text ?? '');
  return match === null ? undefined : Math.round(Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1));
}
