import { type Call, died, type Endpoint, type ParamRule } from '../call.ts';
import { checkRunning, findGuest, rootOnly, VM_PATH } from './machine.ts';
import {
  overruleShutdowns,
  type PowerDown,
  pauseTask,
  rebootTask,
  resetTask,
  shutdownTask,
  startTask,
  stopTask,
} from './power-tasks.ts';

const FLAG: ParamRule = { type: 'boolean', optional: true };
const SECONDS: ParamRule = { type: 'integer', optional: true, minimum: 0 };
const NODE: ParamRule = { type: 'string', optional: true, format: 'pve-node' };

/** The power button, in all its forms. What a worker finds out is no refusal: HTTP 200 says only that it began. */
export const powerEndpoints: readonly Endpoint[] = [
  button(
    'start',
    {
      'force-cpu': { type: 'string', optional: true },
      machine: { type: 'string', optional: true },
      migratedfrom: NODE,
      migration_network: { type: 'string', optional: true, format: 'CIDR' },
      migration_type: { type: 'string', optional: true, enum: ['secure', 'insecure'] },
      'nets-host-mtu': { type: 'string', optional: true, pattern: /net\d+=\d+(,net\d+=\d+)*/ },
      skiplock: FLAG,
      stateuri: { type: 'string', optional: true, maxLength: 128 },
      targetstorage: { type: 'string', optional: true, format: 'storage-pair-list' },
      timeout: SECONDS,
      'with-conntrack-state': { ...FLAG, only: '9.1' },
    },
    (call, at) => {
      rootOnly(
        call,
        'stateuri',
        'skiplock',
        'migratedfrom',
        'migration_type',
        'migration_network',
        'targetstorage',
        'force-cpu',
      );
      return startTask(call.pve, ...at, call.caller, { skipLock: call.params.flag('skiplock') });
    },
  ),
  button(
    'stop',
    { keepActive: FLAG, migratedfrom: NODE, 'overrule-shutdown': FLAG, skiplock: FLAG, timeout: SECONDS },
    (call, at) => {
      rootOnly(call, 'skiplock', 'keepActive', 'migratedfrom');
      if (call.params.flag('overrule-shutdown')) overruleShutdowns(call.pve, ...at);
      return stopTask(call.pve, ...at, call.caller, { skipLock: call.params.flag('skiplock') });
    },
  ),
  button('shutdown', { forceStop: FLAG, keepActive: FLAG, skiplock: FLAG, timeout: SECONDS }, (call, at) => {
    rootOnly(call, 'skiplock', 'keepActive');
    const { pve, params, caller } = call;
    const force = params.flag('forceStop');
    if (findGuest(pve, ...at)?.paused) {
      if (!force) throw died('VM is paused - cannot shutdown');
      return shutdownTask(pve, ...at, caller, { ...powerDown(call), timeoutS: 0, forceStop: true });
    }
    return shutdownTask(pve, ...at, caller, { ...powerDown(call), forceStop: force });
  }),
  button('reboot', { timeout: SECONDS }, (call, at) => {
    mustRun(call, at);
    return rebootTask(call.pve, ...at, call.caller, powerDown(call));
  }),
  button('reset', { skiplock: FLAG }, (call, at) => {
    rootOnly(call, 'skiplock');
    mustRun(call, at);
    return resetTask(call.pve, ...at, call.caller);
  }),
  button(
    'suspend',
    {
      skiplock: FLAG,
      statestorage: { type: 'string', optional: true, format: 'pve-storage-id', requires: 'todisk' },
      todisk: FLAG,
    },
    (call, at) => {
      rootOnly(call, 'skiplock');
      mustRun(call, at);
      if (call.params.flag('todisk')) throw died('the simulator does not suspend to disk');
      return pauseTask(call.pve, ...at, call.caller, 'suspend');
    },
  ),
  button('resume', { nocheck: FLAG, skiplock: FLAG }, (call, at) => {
    rootOnly(call, 'skiplock', 'nocheck');
    mustRun(call, at);
    return pauseTask(call.pve, ...at, call.caller, 'resume');
  }),
];

type At = readonly [node: string, vmid: number];

function button(
  name: string,
  rules: Readonly<Record<string, ParamRule>>,
  press: (call: Call, at: At) => string,
): Endpoint {
  return {
    method: 'POST',
    path: `/nodes/{node}/qemu/{vmid}/status/${name}`,
    params: { ...VM_PATH, ...rules },
    permission: ['perm', '/vms/{vmid}', ['VM.PowerMgmt']],
    protected: true,
    handle: (call) => press(call, [call.params.text('node'), call.params.int('vmid')]),
  };
}

function powerDown({ params }: Call): PowerDown {
  return {
    ...(params.has('timeout') ? { timeoutS: params.int('timeout') } : {}),
    skipLock: params.flag('skiplock'),
  };
}

function mustRun({ pve }: Call, [node, vmid]: At): void {
  if (!checkRunning(pve, node, vmid)) throw died(`VM ${vmid} not running`);
}
