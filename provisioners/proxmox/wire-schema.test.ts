import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { manualClock } from '../../simulators/platform/manual-clock.ts';
import { Secret, silentLog } from '../../src/provisioner/index.ts';
import { createPve, type Pve } from './api.ts';
import { parseUpid } from './tasks-upid.ts';
import type { PveRequest } from './transport.ts';
import { data, scripted } from './transport-scripted.ts';

interface Schema {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly parameters: { readonly properties?: Readonly<Record<string, Parameter>> } }>>
    >
  >;
}

interface Parameter {
  readonly type?: string;
  readonly optional?: number;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

const specs = process.env['DC_SPECS_DIR'];
const directory = specs ?? join(import.meta.dirname, '../../../shared/specs');
const present = existsSync(join(directory, 'pve-api-schema-9.1.json'));
if (!present && specs !== undefined) throw new Error('there are no schemas, although DC_SPECS_DIR promises them');

const upid = parseUpid('UPID:pve:00004B50:00053E2D:6B02A8A8:qmclone:9000:dc@pve!agent:')?.upid;
const vm = { node: 'pve', vmid: 101 };
const secret = new Secret('s3cret-text');
const filled = 'dc-agent stamp';

/** Every method of the interface, with everything that may be given. The type makes a new method a compile error here. */
const CALLS: { [Group in keyof Pve]: { [Name in keyof Pve[Group]]: (pve: Pve, signal: AbortSignal) => unknown } } = {
  cluster: {
    version: (pve, signal) => pve.cluster.version(signal),
    nodes: (pve, signal) => pve.cluster.nodes(signal),
    vms: (pve, signal) => pve.cluster.vms(signal),
    resources: (pve, signal) => pve.cluster.resources(signal),
    status: (pve, signal) => pve.cluster.status(signal),
    nextId: (pve, signal) => pve.cluster.nextId(signal),
    isIdFree: (pve, signal) => pve.cluster.isIdFree(101, signal),
    firewallEnabled: (pve, signal) => pve.cluster.firewallEnabled(signal),
  },
  nodes: {
    status: (pve, signal) => pve.nodes.status('pve', signal),
    bridges: (pve, signal) => pve.nodes.bridges('pve', signal),
    pci: (pve, signal) => pve.nodes.pci('pve', signal),
    certificates: (pve, signal) => pve.nodes.certificates('pve', signal),
  },
  storage: {
    onNode: (pve, signal) => pve.storage.onNode('pve', signal),
    definition: (pve, signal) => pve.storage.definition('local', signal),
    setContent: (pve, signal) => pve.storage.setContent('local', new Set(['iso', 'import']), 'a'.repeat(40), signal),
    volumes: (pve, signal) => pve.storage.volumes('pve', 'local', { content: 'import', vmid: 101 }, signal),
    removeVolume: (pve, signal) => pve.storage.removeVolume('pve', 'local', 'local:import/x.qcow2', signal),
    download: (pve, signal) =>
      pve.storage.download(
        'pve',
        'local',
        {
          content: 'import',
          filename: 'x.qcow2',
          url: 'https://images.example/x',
          checksum: 'a'.repeat(64),
          algorithm: 'sha256',
        },
        signal,
      ),
    lookUpUrl: (pve, signal) => pve.storage.lookUpUrl('pve', 'https://images.example/x', signal),
  },
  vms: {
    config: (pve, signal) => pve.vms.config(vm, 'current', signal),
    setConfig: (pve, signal) =>
      pve.vms.setConfig(
        vm,
        {
          set: {
            name: 'dc-1',
            cores: 2,
            cpulimit: 1.5,
            cpu: 'host',
            memory: 2048,
            balloon: 0,
            onboot: true,
            protection: false,
            agent: '1',
            description: filled,
            tags: 'dc-agent',
            net0: 'virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1,rate=12.5,tag=7',
            ciuser: 'root',
            cipassword: secret,
            ciupgrade: false,
            sshkeys: 'ssh-ed25519 AAAA',
            ipconfig0: 'ip=dhcp',
            nameserver: '192.0.2.1',
            searchdomain: 'example',
          },
          remove: ['scsi1'],
          digest: 'a'.repeat(40),
        },
        signal,
      ),
    create: (pve, signal) =>
      pve.vms.create(
        vm,
        {
          name: 'template',
          memory: 1024,
          cores: 1,
          ostype: 'l26',
          scsihw: 'virtio-scsi-single',
          scsi0: 'local:0,import-from=local:import/x.qcow2,discard=on',
          ide2: 'local:cloudinit',
          boot: 'order=scsi0',
          serial0: 'socket',
          vga: 'serial0',
          agent: 'enabled=1',
          net0: 'virtio,bridge=vmbr0',
          pool: 'dc',
          description: filled,
          tags: 'dc-agent',
        },
        signal,
      ),
    clone: (pve, signal) =>
      pve.vms.clone(
        vm,
        {
          newid: 102,
          name: 'dc-1',
          description: filled,
          pool: 'dc',
          how: { copyTo: 'local', format: 'qcow2' },
          target: 'pve2',
        },
        signal,
      ),
    resize: (pve, signal) => pve.vms.resize(vm, 'scsi0', 20, signal),
    makeTemplate: (pve, signal) => pve.vms.makeTemplate(vm, signal),
    start: (pve, signal) => pve.vms.start(vm, signal),
    stop: (pve, signal) => pve.vms.stop(vm, signal),
    shutdown: (pve, signal) => pve.vms.shutdown(vm, 60, signal),
    remove: (pve, signal) => pve.vms.remove(vm, signal),
    status: (pve, signal) => pve.vms.status(vm, signal),
    onNode: (pve, signal) => pve.vms.onNode('pve', signal),
  },
  agent: {
    ping: (pve, signal) => pve.agent.ping(vm, signal),
    interfaces: (pve, signal) => pve.agent.interfaces(vm, signal),
    osInfo: (pve, signal) => pve.agent.osInfo(vm, signal),
    exec: (pve, signal) => pve.agent.exec(vm, ['/bin/sh', '-s'], secret, signal),
    execStatus: (pve, signal) => pve.agent.execStatus(vm, 12, signal),
    setPassword: (pve, signal) => pve.agent.setPassword(vm, 'root', secret, signal),
    writeFile: (pve, signal) => pve.agent.writeFile(vm, '/root/x', 'text', signal),
    readFile: (pve, signal) => pve.agent.readFile(vm, '/root/x', signal),
  },
  firewall: {
    options: (pve, signal) => pve.firewall.options(vm, signal),
    setOptions: (pve, signal) =>
      pve.firewall.setOptions(
        vm,
        { enable: true, macfilter: true, ipfilter: true, dhcp: true, policy_in: 'ACCEPT', policy_out: 'ACCEPT' },
        signal,
      ),
    rules: (pve, signal) => pve.firewall.rules(vm, signal),
    addRule: (pve, signal) =>
      pve.firewall.addRule(vm, { type: 'in', action: 'ACCEPT', enable: 1, proto: 'tcp', dport: '22' }, signal),
    ipsets: (pve, signal) => pve.firewall.ipsets(vm, signal),
    addIpset: (pve, signal) => pve.firewall.addIpset(vm, 'ipfilter-net0', signal),
    ipset: (pve, signal) => pve.firewall.ipset(vm, 'ipfilter-net0', signal),
    addToIpset: (pve, signal) => pve.firewall.addToIpset(vm, 'ipfilter-net0', '192.0.2.7/32', signal),
    removeFromIpset: (pve, signal) => pve.firewall.removeFromIpset(vm, 'ipfilter-net0', '192.0.2.7/32', signal),
  },
  pools: {
    list: (pve, signal) => pve.pools.list(signal),
    get: (pve, signal) => pve.pools.get('dc', signal),
    create: (pve, signal) => pve.pools.create('dc', filled, signal),
    add: (pve, signal) => pve.pools.add('dc', { vms: [101], storages: ['local'] }, signal),
    takeOut: (pve, signal) => pve.pools.takeOut('dc', { vms: [101], storages: ['local'] }, signal),
    remove: (pve, signal) => pve.pools.remove('dc', signal),
  },
  tasks: {
    list: (pve, signal) => pve.tasks.list('pve', { vmid: 101, typefilter: 'qmclone', since: 1 }, signal),
    status: (pve, signal) => upid && pve.tasks.status(upid, signal),
    log: (pve, signal) => upid && pve.tasks.log(upid, { start: 0, limit: 50 }, signal),
    stop: (pve, signal) => upid && pve.tasks.stop(upid, signal),
  },
  access: {
    realms: (pve, signal) => pve.access.realms(signal),
    login: (pve, signal) => pve.access.login('root@pam', secret, signal),
    permissions: (pve, signal) => pve.access.permissions(signal),
    users: (pve, signal) => pve.access.users(signal),
    tokens: (pve, signal) => pve.access.tokens('dc@pve', signal),
    roles: (pve, signal) => pve.access.roles(signal),
    role: (pve, signal) => pve.access.role('Dc', signal),
    acl: (pve, signal) => pve.access.acl(signal),
    createUser: (pve, signal) => pve.access.createUser('dc@pve', filled, signal),
    removeUser: (pve, signal) => pve.access.removeUser('dc@pve', signal),
    createToken: (pve, signal) => pve.access.createToken('dc@pve', 'agent', filled, signal),
    removeToken: (pve, signal) => pve.access.removeToken('dc@pve', 'agent', signal),
    createRole: (pve, signal) => pve.access.createRole('Dc', ['VM.Audit'], signal),
    setRole: (pve, signal) => pve.access.setRole('Dc', ['VM.Audit'], signal),
    removeRole: (pve, signal) => pve.access.removeRole('Dc', signal),
    allow: (pve, signal) => pve.access.allow({ path: '/pool/dc', role: 'Dc', to: { user: 'dc@pve' } }, signal),
    disallow: (pve, signal) =>
      pve.access.disallow({ path: '/pool/dc', role: 'Dc', to: { token: 'dc@pve!agent' } }, signal),
  },
};

const NAMES = Object.entries(CALLS).flatMap(([group, calls]) =>
  Object.entries(calls).map(([name, call]) => [`${group}.${name}`, call] as const),
);

async function requestOf(call: (pve: Pve, signal: AbortSignal) => unknown): Promise<PveRequest> {
  // The answers do not fit, which is not what is looked at here.
  const host = scripted(() => data('of no meaning'));
  const credentials = { how: 'token', id: 'dc@pve!agent', secret } as const;
  const pve = createPve(host, credentials, { clock: manualClock(), log: silentLog });
  await Promise.allSettled([call(pve, new AbortController().signal)]);
  expect(host.asked).toHaveLength(1);
  const [request] = host.asked;
  if (request === undefined) throw new Error('nothing was asked');
  return request;
}

describe.skipIf(!present).each(['7.4', '8.4', '9.1'])(
  `every request is one that Proxmox VE %s describes${present ? '' : ' (skipped: the schemas are not beside this checkout, set DC_SPECS_DIR)'}`,
  (version) => {
    const { paths } = present
      ? (JSON.parse(readFileSync(join(directory, `pve-api-schema-${version}.json`), 'utf8')) as Schema)
      : { paths: {} };

    test.each(NAMES)('%s', async (name, call) => {
      const request = await requestOf(call);
      const url = new URL(request.path, 'https://pve.example');
      const below = url.pathname.replace('/api2/json', '');
      const template = templateOf(below, Object.keys(paths));
      const method = paths[template]?.[request.method];
      expect(method, `${request.method} ${below}`).toBeDefined();
      const rules = method?.parameters.properties ?? {};
      const body: unknown = request.body === undefined ? {} : JSON.parse(request.body);
      const given = new Map<string, unknown>([...url.searchParams, ...Object.entries(body as object)]);
      for (const [param, value] of given) {
        if (NEWER[version]?.includes(`${name} ${param}`)) continue;
        const rule = rules[param] ?? rules[param.replace(/\d+$/, '[n]')];
        expect(rule, `${name} sends ${param}`).toBeDefined();
        if (rule !== undefined) expect(fits(rule, value), `${param}=${String(value)}`).toBe(true);
      }
      const required = Object.keys(rules).filter(
        (param) => !rules[param]?.optional && !template.includes(`{${param}}`),
      );
      expect(required.filter((param) => !given.has(param))).toEqual([]);
    });
  },
);

/** What the setup and the plugin send only to hosts that say they are new enough. */
const NEWER: Readonly<Record<string, readonly string[]>> = {
  '7.4': ['vms.setConfig ciupgrade', 'storage.download content', 'agent.exec command'],
};

/** The longest fixed path wins; `{name}` stands for one part. */
function templateOf(path: string, templates: readonly string[]): string {
  const parts = path.split('/');
  const fitting = templates.filter((template) => {
    const pattern = template.split('/');
    return pattern.length === parts.length && pattern.every((part, i) => part.startsWith('{') || part === parts[i]);
  });
  return fitting.sort((a, b) => a.split('{').length - b.split('{').length)[0] ?? '';
}

function fits(rule: Parameter, value: unknown): boolean {
  const text = String(value);
  if (rule.enum !== undefined && !rule.enum.includes(text)) return false;
  if (rule.minLength !== undefined && text.length < rule.minLength) return false;
  if (rule.maxLength !== undefined && text.length > rule.maxLength) return false;
  if (rule.type === 'array') return Array.isArray(value);
  if (rule.type === 'boolean') return text === '0' || text === '1';
  if (rule.type !== 'integer' && rule.type !== 'number') return typeof value !== 'object';
  const number = Number(value);
  return !Number.isNaN(number) && number >= (rule.minimum ?? -Infinity) && number <= (rule.maximum ?? Infinity);
}
