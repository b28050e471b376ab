import { sleep } from '../../../src/ports/clock.ts';
import { badParameters, type Call, died, type Endpoint, type ParamRule, type TaskContext } from '../call.ts';
import { splitList } from '../formats.ts';
import type { Guest } from '../state.ts';
import { applyChanges, type Changes } from './config-change.ts';
import { inForce } from './config-view.ts';
import { makeDrives } from './drives.ts';
import { CONFIG_LOCK_MS, checkDigest, checkLock, guestOf, isRootLogin, lockOf, rootOnly, VM_PATH } from './machine.ts';
import { normalisedOptions } from './normalise.ts';
import {
  checkBridgeRights,
  checkDeviceRights,
  checkOptionRights,
  checkStorageRights,
  requireOn,
} from './option-rights.ts';
import { classOf, isDrive, isOption, OPTION_RULES } from './options/options.ts';

const CHANGE_RULES: Readonly<Record<string, ParamRule>> = {
  ...OPTION_RULES,
  ...VM_PATH,
  delete: { type: 'string', optional: true, format: 'pve-configid-list' },
  digest: { type: 'string', optional: true, maxLength: 40 },
  force: { type: 'boolean', optional: true, requires: 'delete' },
  revert: { type: 'string', optional: true, format: 'pve-configid-list' },
  skiplock: { type: 'boolean', optional: true },
};

const ANY_CONFIG = [
  'VM.Config.Disk',
  'VM.Config.CDROM',
  'VM.Config.CPU',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.HWType',
  'VM.Config.Options',
  'VM.Config.Cloudinit',
] as const;

/** Changes of the configuration: PUT answers when it is done, POST hands the work to a worker. */
export const configWriteEndpoints: readonly Endpoint[] = [
  {
    method: 'PUT',
    path: '/nodes/{node}/qemu/{vmid}/config',
    params: CHANGE_RULES,
    permission: ['perm', '/vms/{vmid}', ANY_CONFIG, 'any'],
    protected: true,
    async handle(call) {
      const changes = checkedChanges(call);
      await underLock(call, async (guest) => {
        await sleep(call.pve.clock, call.pve.timings.configMs);
        await change(call, guest, changes, () => {});
      });
      return null;
    },
  },
  {
    method: 'POST',
    path: '/nodes/{node}/qemu/{vmid}/config',
    params: {
      ...CHANGE_RULES,
      background_delay: { type: 'integer', optional: true, minimum: 1, maximum: 30 },
      'import-working-storage': { type: 'string', optional: true, format: 'pve-storage-id' },
    },
    permission: ['perm', '/vms/{vmid}', ANY_CONFIG, 'any'],
    protected: true,
    handle(call) {
      const changes = checkedChanges(call);
      const { pve, params } = call;
      return underLock(call, (guest) =>
        pve.task({
          node: params.text('node'),
          type: 'qmconfig',
          id: String(guest.vmid),
          caller: call.caller,
          run: (task) => work(call, guest, changes, task),
        }),
      );
    },
  },
];

/** Everything that is refused before the machine is looked at. */
function checkedChanges(call: Call): Changes {
  const { params, pve } = call;
  rootOnly(call, 'skiplock');
  const set = normalisedOptions(call);
  const remove = optionList(call, 'delete').map((name) => (name === 'cdrom' ? 'ide2' : name));
  const revert = optionList(call, 'revert');
  if (set.size + remove.length + revert.length === 0) throw died('no options specified');
  for (const [list, names] of [
    ['revert', revert],
    ['delete', remove],
  ] as const) {
    for (const name of names) {
      if (set.has(name))
        throw badParameters({ delete: `you can't use '-${name}' and -${list} ${name}' at the same time` });
      if (!isOption(name, pve.personality)) throw badParameters({ [list]: `unknown option '${name}'` });
    }
  }
  const place = { vmid: params.int('vmid') };
  checkOptionRights(call, place, remove);
  checkOptionRights(call, place, [...set.keys()]);
  checkStorageRights(call, place, set);
  checkBridgeRights(call, set);
  return { set, remove, revert, force: params.flag('force') };
}

function optionList({ params }: Call, name: string): string[] {
  return splitList(params.textOr(name, ''));
}

function underLock<T>(call: Call, fn: (guest: Guest) => Promise<T> | T): Promise<T> {
  const { params, pve } = call;
  return pve.locked(lockOf(params.int('vmid')), 'exclusive', CONFIG_LOCK_MS, () => {
    const guest = guestOf(call);
    checkDigest(guest, params.textOr('digest', undefined));
    if (!params.flag('skiplock')) checkLock(guest);
    return fn(guest);
  });
}

async function work(call: Call, guest: Guest, changes: Changes, task: TaskContext): Promise<void> {
  const words = [...changes.set].map(([name, value]) => `-${name} ${name === 'cipassword' ? '<hidden>' : value}`);
  if (changes.remove.length > 0) words.push(`-delete ${changes.remove.join(',')}`);
  task.log(`update VM ${guest.vmid}: ${words.join(' ')}`);
  await task.wait(call.pve.timings.configMs);
  await change(call, guest, changes, (line) => task.log(line));
}

async function change(call: Call, guest: Guest, changes: Changes, log: (line: string) => void): Promise<void> {
  const { pve } = call;
  const place = { vmid: guest.vmid };
  checkBalloon(guest, changes);
  const gone = changes.remove.filter((name) => guest.config.has(name) || guest.started?.has(name));
  for (const name of gone) checkRemoval(call, guest, name);
  checkDeviceRights(call, place, changes.set);
  const drives = new Map([...changes.set].filter(([name]) => isDrive(name)));
  if (drives.size > 0) {
    const cdroms = [...drives.values()].every((text) => text.includes('media=cdrom') && !text.includes(':cloudinit'));
    requireOn(call, place, [cdroms ? 'VM.Config.CDROM' : 'VM.Config.Disk']);
  }
  const made = await makeDrives(pve, guest, drives, log);
  const errors = applyChanges(pve, guest, { ...changes, set: new Map([...changes.set, ...made]), remove: gone });
  if (Object.keys(errors).length > 0) throw badParameters(errors);
}

function checkRemoval(call: Call, guest: Guest, name: string): void {
  const value = guest.config.get(name) ?? inForce(guest).get(name) ?? '';
  if (isDrive(name) || name.startsWith('unused')) {
    if (guest.config.get('protection') === '1') throw died(`can't remove drive '${name}' - protection mode enabled`);
    requireOn(call, { vmid: guest.vmid }, ['VM.Config.Disk']);
  } else if (classOf(name) === 'device' && !isRootLogin(call.caller)) {
    if (name.startsWith('serial') && value === 'socket') requireOn(call, { vmid: guest.vmid }, ['VM.Config.HWType']);
    else throw died(`only root can delete '${name}' config for real devices`);
  }
}

function checkBalloon(guest: Guest, { set }: Changes): void {
  const memory = Number((set.get('memory') ?? guest.config.get('memory') ?? '512').replace(/^current=/, ''));
  const balloon = Number(set.get('balloon') ?? guest.config.get('balloon') ?? 0);
  if ((set.has('memory') || set.has('balloon')) && balloon > memory) {
    throw died('balloon value too large (must be smaller than assigned memory)');
  }
}
