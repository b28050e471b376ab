import { basename, dirname } from 'node:path';
import { readSegmentName } from '../../src/health/places.ts';
import type { ModelDisk } from './model-disk.ts';
import { UPTIME_DIRECTORY } from './process.ts';

/** What a disk holds of each contract's uptime log, without what a crash tore off at its end. */
export function uptimeTexts(disk: ModelDisk): Map<string, string> {
  const texts = new Map<string, string>();
  for (const path of [...disk.files.keys()].filter((one) => dirname(one) === UPTIME_DIRECTORY).sort()) {
    const contract = readSegmentName(basename(path))?.contract ?? '';
    const text = Buffer.from(disk.files.get(path)?.bytes ?? []).toString('latin1');
    texts.set(contract, (texts.get(contract) ?? '') + text.slice(0, text.lastIndexOf('\n') + 1));
  }
  return texts;
}
