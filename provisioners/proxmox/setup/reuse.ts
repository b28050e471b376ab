import { bootDisk, isTemplate } from '../machine.ts';
import { templateFaults } from '../template.ts';
import type { PveVmRow } from '../wire.ts';
import type { Choices } from './decide.ts';
import type { Image } from './images.ts';
import { readMark } from './mark.ts';
import type { Details } from './survey.ts';

export interface Reusable {
  readonly vmid: number;
  readonly name: string;
}

/** A template of ours that was made of this image before and still fits: same pool and storage, whole, with what the addresses need. */
export function findReusable(
  { templates }: Pick<Details, 'templates'>,
  image: Image,
  { node, storage, agent, address }: Choices,
  pool: string,
): Reusable | undefined {
  const fits = templates.find(({ row, config }) => {
    const ours = readMark(config)?.image === image.id && isTemplate(config);
    const place = row.node === node && row.pool === pool && bootDisk(config)?.storage === storage;
    const sameAgent = (config['cicustom'] !== undefined) === (agent === 'first-boot');
    return ours && place && sameAgent && templateFaults(config, { address }).length === 0;
  });
  return fits === undefined ? undefined : { vmid: fits.row.vmid, name: nameIn(fits.row, fits.config['name']) };
}

/** The name of a new template. Offerings ask for templates by name, so on another node the same name would be another answer. */
export function templateName(
  image: Image,
  node: string,
  guests: readonly PveVmRow[],
  { templates }: Pick<Details, 'templates'>,
): string {
  const plain = image.id.toLowerCase().replaceAll(/[^a-z0-9.-]+/g, '-');
  // The list of guests shows the name of a fresh one late.
  const taken = [...guests.map(({ name }) => name), ...templates.map(({ config }) => config['name'])];
  return taken.includes(plain) ? `${plain}-${node}` : plain;
}

function nameIn({ vmid, name }: PveVmRow, configured: string | undefined): string {
  return configured ?? name ?? String(vmid);
}
