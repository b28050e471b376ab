import type { Random } from '../../../src/ports/random.ts';
import type { Call } from '../call.ts';
import { splitList } from '../formats.ts';
import { cryptPassword, isCrypted } from '../guests/crypt.ts';
import { freshMac, parseNet, printNet } from './options/net.ts';
import { isOption } from './options/options.ts';
import { checkSshKeys } from './ssh-keys.ts';
import { parseDrive, printDrive } from './volumes.ts';

/**
 * The options of a call as they would be stored: passwords hashed, tags sorted, network devices with a MAC, `cdrom` as
 * ide2. Keys that are no keys are refused here.
 */
export function normalisedOptions(call: Call): Map<string, string> {
  const { params, pve } = call;
  const options = new Map<string, string>();
  for (const [given, value] of params.entries()) {
    const name = given === 'cdrom' ? 'ide2' : given;
    if (!isOption(name, pve.personality)) continue;
    const text = typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
    options.set(name, normalised(name, given === 'cdrom' ? `${text},media=cdrom` : text, pve.random));
  }
  return options;
}

/** Lower case, each once, in order, joined by semicolons: what comes back is rarely what was sent. */
export function normalisedTags(text: string): string {
  const tags = splitList(text).map((tag) => tag.toLowerCase());
  return [...new Set(tags)].toSorted().join(';');
}

function normalised(name: string, value: string, random: Random): string {
  if (name === 'tags') return normalisedTags(value);
  if (name === 'vmgenid' && value === '1') return random.uuid();
  if (name === 'cipassword') return isCrypted(value) ? value : cryptPassword(value, random);
  if (name === 'sshkeys') {
    checkSshKeys(value);
    return value;
  }
  if (/^net\d+$/.test(name)) {
    const net = parseNet(value);
    if (!net.has('macaddr')) net.set('macaddr', freshMac(random));
    return printNet(net);
  }
  return /^(ide|scsi|sata|virtio)\d+$/.test(name) ? printDrive(parseDrive(value)) : value;
}
