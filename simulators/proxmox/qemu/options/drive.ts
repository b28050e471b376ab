import type { ParamRule, PropertyRules } from '../../call.ts';

const FLAG = { type: 'boolean', optional: true } as const;
const COUNT = { type: 'integer', optional: true } as const;
const SECONDS = { type: 'integer', optional: true, minimum: 1 } as const;
const RATE = { type: 'number', optional: true } as const;

/** What may stand in the property string of a disk, whatever its bus. */
export const DRIVE_PROPERTIES: PropertyRules = {
  file: { type: 'string', isDefault: true },
  volume: { type: 'string', alias: 'file' },
  aio: { type: 'string', optional: true, enum: ['native', 'threads', 'io_uring'] },
  backup: FLAG,
  bps: COUNT,
  bps_max_length: SECONDS,
  bps_rd: COUNT,
  bps_rd_max_length: SECONDS,
  bps_wr: COUNT,
  bps_wr_max_length: SECONDS,
  cache: { type: 'string', optional: true, enum: ['none', 'writethrough', 'writeback', 'unsafe', 'directsync'] },
  detect_zeroes: FLAG,
  discard: { type: 'string', optional: true, enum: ['ignore', 'on'] },
  format: { type: 'string', optional: true, enum: ['raw', 'qcow', 'qed', 'qcow2', 'vmdk', 'cloop'] },
  'import-from': { type: 'string', optional: true },
  iops: COUNT,
  iops_max: COUNT,
  iops_max_length: SECONDS,
  iops_rd: COUNT,
  iops_rd_max: COUNT,
  iops_rd_max_length: SECONDS,
  iops_wr: COUNT,
  iops_wr_max: COUNT,
  iops_wr_max_length: SECONDS,
  iothread: FLAG,
  mbps: RATE,
  mbps_max: RATE,
  mbps_rd: RATE,
  mbps_rd_max: RATE,
  mbps_wr: RATE,
  mbps_wr_max: RATE,
  media: { type: 'string', optional: true, enum: ['cdrom', 'disk'] },
  model: { type: 'string', optional: true, format: 'urlencoded', maxLength: 120 },
  product: { type: 'string', optional: true, pattern: /[A-Za-z0-9\-_\s]{0,16}/ },
  queues: { type: 'integer', optional: true, minimum: 2 },
  replicate: FLAG,
  rerror: { type: 'string', optional: true, enum: ['ignore', 'report', 'stop'] },
  ro: FLAG,
  scsiblock: FLAG,
  serial: { type: 'string', optional: true, format: 'urlencoded', maxLength: 60 },
  shared: FLAG,
  size: { type: 'string', optional: true, format: 'disk-size' },
  snapshot: FLAG,
  ssd: FLAG,
  vendor: { type: 'string', optional: true, pattern: /[A-Za-z0-9\-_\s]{0,8}/ },
  werror: { type: 'string', optional: true, enum: ['enospc', 'ignore', 'report', 'stop'] },
  wwn: { type: 'string', optional: true, pattern: /0x[0-9a-fA-F]{16}/ },
  // Of efidisk0 and tpmstate0.
  efitype: { type: 'string', optional: true, enum: ['2m', '4m'] },
  'pre-enrolled-keys': FLAG,
  'ms-cert': { type: 'string', optional: true },
  version: { type: 'string', optional: true, enum: ['v1.2', 'v2.0'] },
};

/** Numbered disks of one bus. */
export function driveRule(count: number): ParamRule {
  return { type: 'string', optional: true, properties: DRIVE_PROPERTIES, count };
}
