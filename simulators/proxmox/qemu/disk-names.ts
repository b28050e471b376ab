/** Every disk that a call may name, in the order of the official schema. */
export const DISK_NAMES: readonly string[] = [
  ...numbered('ide', 4),
  ...numbered('scsi', 31),
  ...numbered('virtio', 16),
  ...numbered('sata', 6),
  'efidisk0',
  'tpmstate0',
];

function numbered(bus: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${bus}${index}`);
}
