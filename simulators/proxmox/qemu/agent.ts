import { sleep } from '../../../src/ports/clock.ts';
import { type Call, died, type Endpoint, type ParamRule, type Permission, type Personality } from '../call.ts';
import type { Guest } from '../state.ts';
import { AGENT_COMMANDS, fsInfo, OS_INFO } from './agent-answers.ts';
import { execStatus, readFile, setPassword, startExec, writeFile } from './agent-exec.ts';
import { guestOf, VM_PATH } from './machine.ts';
import { interfacesOf } from './network.ts';
import { agentEnabled, agentUp, untilAgent } from './running.ts';

/** So long does a host wait for a guest agent that does not answer. */
const PING_MS = 3_000;

type Rights = readonly string[];
const AUDIT: Rights = ['VM.GuestAgent.Audit', 'VM.GuestAgent.Unrestricted'];
const ALL: Rights = ['VM.GuestAgent.Unrestricted'];

/** What is asked of the system inside. Each call first finds out whether somebody answers, and that takes its time. */
export const agentEndpoints: readonly Endpoint[] = [
  ...command('POST', 'ping', AUDIT, {}, () => ({ result: {} })),
  ...command('GET', 'info', AUDIT, {}, () => ({ result: { version: '10.0.2', supported_commands: AGENT_COMMANDS } })),
  ...command('GET', 'network-get-interfaces', AUDIT, {}, ({ pve }, guest) => ({ result: interfacesOf(pve, guest) })),
  ...command('GET', 'get-osinfo', AUDIT, {}, () => ({ result: OS_INFO })),
  ...command('GET', 'get-host-name', AUDIT, {}, (_call, guest) => ({ result: { 'host-name': hostName(guest) } })),
  ...command('GET', 'get-fsinfo', AUDIT, {}, (_call, guest) => ({ result: fsInfo(guest) })),
  ...command(
    'POST',
    'fsfreeze-status',
    ['VM.GuestAgent.Audit', 'VM.GuestAgent.FileSystemMgmt', 'VM.GuestAgent.Unrestricted'],
    {},
    () => ({ result: 'thawed' }),
  ),
  ...command(
    'POST',
    'exec',
    ALL,
    { command: { type: 'array' }, 'input-data': { type: 'string', optional: true, maxLength: 65_536 } },
    ({ pve, params }, guest) => ({
      pid: startExec(pve, guest, params.list('command'), params.textOr('input-data', '')),
    }),
  ),
  ...command('GET', 'exec-status', ALL, { pid: { type: 'integer' } }, ({ params }, guest) =>
    execStatus(guest, params.int('pid')),
  ),
  ...command(
    'POST',
    'set-user-password',
    ALL,
    {
      username: { type: 'string' },
      password: { type: 'string', minLength: 5, maxLength: 1024 },
      crypted: { type: 'boolean', optional: true },
    },
    async ({ pve, params }, guest) => {
      const kind = params.flag('crypted') ? 'crypted' : 'plain';
      await setPassword(pve, guest, params.text('username'), params.text('password'), kind);
      return { result: {} };
    },
  ),
  ...command(
    'GET',
    'file-read',
    ['VM.GuestAgent.FileRead', 'VM.GuestAgent.Unrestricted'],
    {
      file: { type: 'string' },
      count: { type: 'integer', optional: true, minimum: 1, maximum: 16_777_216, only: '9.1' },
      decode: { type: 'boolean', optional: true, only: '9.1' },
      offset: { type: 'integer', optional: true, minimum: 0, only: '9.1' },
    },
    async ({ pve, params }, guest) => {
      const bytes = Buffer.from(await readFile(pve, guest, params.text('file')));
      const offset = params.intOr('offset', 0);
      const part = bytes.subarray(offset, offset + params.intOr('count', 16_777_216));
      const content = part.toString(params.flag('decode', true) ? 'utf8' : 'base64');
      return { content, 'bytes-read': part.length, ...(part.length < bytes.length ? { truncated: 1 } : {}) };
    },
  ),
  ...command(
    'POST',
    'file-write',
    ['VM.GuestAgent.FileWrite', 'VM.GuestAgent.Unrestricted'],
    {
      file: { type: 'string' },
      content: { type: 'string', maxLength: 61_440 },
      encode: { type: 'boolean', optional: true },
    },
    async ({ pve, params }, guest) => {
      const content = params.text('content');
      const text = params.flag('encode', true) ? content : Buffer.from(content, 'base64').toString('utf8');
      await writeFile(pve, guest, params.text('file'), text);
      return null;
    },
  ),
];

/** One command in both personalities: 8 knows the one right VM.Monitor, 9 has a right for each kind of thing. */
function command(
  method: 'GET' | 'POST',
  name: string,
  rights: Rights,
  rules: Readonly<Record<string, ParamRule>>,
  answer: (call: Call, guest: Guest) => unknown,
): Endpoint[] {
  const nine: Permission = rights.length > 1 ? ['perm', '/vms/{vmid}', rights, 'any'] : ['perm', '/vms/{vmid}', rights];
  const permissions: readonly (readonly [Personality, Permission])[] = [
    ['8.4', ['perm', '/vms/{vmid}', ['VM.Monitor']]],
    ['9.1', nine],
  ];
  return permissions.map(([only, permission]) => ({
    method,
    path: `/nodes/{node}/qemu/{vmid}/agent/${name}`,
    params: { ...VM_PATH, ...rules },
    permission,
    only,
    protected: true,
    quorum: 'not-needed',
    async handle(call) {
      const guest = guestOf(call);
      await findAgent(call, guest);
      return answer(call, guest);
    },
  }));
}

async function findAgent({ pve }: Call, guest: Guest): Promise<void> {
  if (!agentEnabled(guest)) throw died('No QEMU guest agent configured');
  if (guest.status !== 'running') throw died(`VM ${guest.vmid} is not running`);
  if (agentUp(pve, guest)) return;
  // One that comes up meanwhile answers what waits for it in its channel: recorded as 200 after 0.9, 1.6 and 2.7 s.
  await sleep(pve.clock, Math.min(PING_MS, untilAgent(pve, guest)));
  if (!agentUp(pve, guest)) throw died('QEMU guest agent is not running');
}

function hostName(guest: Guest): string {
  const told = /^hostname: (.+)$/m.exec(guest.cloudInit?.user ?? '')?.[1];
  return told ?? guest.config.get('name') ?? 'localhost';
}
