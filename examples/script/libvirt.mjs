#!/usr/bin/env node
// Sells KVM machines of libvirt on this host. Needs: virsh, virt-install (3.0 or newer), a cloud image, and an agent's user
// in group libvirt. The protocol: docs/script.md.
//
//   [[targets]]
//   name = "kvm"
//   type = "script"
//   [targets.script]
//   provision = "/opt/dc/libvirt.mjs"    # the same for terminate, health_check, list, start and stop
//   ready_check = "ssh"                  # a machine gets its address some seconds after its start; the agent asks again
//   forward_env = ["DC_LIBVIRT_URI", "DC_BASE_IMAGE", "DC_DISK_DIR"]
//
// A command that fails ends the script without an answer. The agent then takes the outcome as unknown, looks at the list and
// asks again. Only what is certain is said in an answer.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { DC_LIBVIRT_URI: uri = 'qemu:///system', DC_DISK_DIR: disks = '/var/lib/libvirt/images' } = process.env;
const baseImage = process.env.DC_BASE_IMAGE ?? join(disks, 'debian-12-genericcloud-amd64.qcow2');
const GENTLE_STOP_MS = 30_000;

const ACTIONS = {
  provision(order) {
    // The name follows from the operation, and libvirt gives a name once: the same operation never makes two machines.
    const name = `dc-${order.operation_id.slice(0, 16)}`;
    if (find(name) === undefined) install(name, order);
    const machine = find(name);
    if (machine.status === 'stopped') virsh('start', name);
    return { instance: { ...machine, status: 'running', ...addressOf(name) } };
  },

  // "instance": null is the one way to say that there is no such machine.
  get_instance({ external_id: name }) {
    const machine = find(name);
    return { instance: machine === undefined ? null : { ...machine, ...addressOf(name) } };
  },

  list: () => ({ instances: names().flatMap((name) => find(name) ?? []) }),

  health_check({ external_id: name }) {
    const machine = find(name);
    if (machine === undefined) return { health: { status: 'unknown' } };
    if (machine.status === 'running') return { health: { status: 'healthy' } };
    return { health: { status: 'unhealthy', reason: `the machine is ${machine.status}` } };
  },

  start({ external_id: name }) {
    if (existing(name).status !== 'running') virsh('start', name);
    return {};
  },

  stop({ external_id: name }) {
    if (existing(name).status === 'stopped') return {};
    virsh('shutdown', name);
    const end = Date.now() + GENTLE_STOP_MS;
    while (find(name)?.status !== 'stopped' && Date.now() < end) pause(500);
    // "destroy" is libvirt's word for pulling the plug: the disk stays.
    if (find(name)?.status !== 'stopped') virsh('destroy', name);
    return {};
  },

  // It may be asked twice, and an earlier run may have ended between two steps: each looks for itself what is left.
  terminate({ external_id: name }) {
    const machine = find(name);
    if (machine === undefined) refuseStranger(name);
    else {
      if (machine.status !== 'stopped') virsh('destroy', name);
      virsh('undefine', name, '--nvram');
    }
    rmSync(diskOf(name), { force: true });
    return {};
  },
};

/** The description is the stamp, and it is part of the definition: no moment in which the machine exists without it. */
function install(name, order) {
  refuseStranger(name);
  const seed = mkdtempSync(join(tmpdir(), 'dc-seed-'));
  try {
    const userData = join(seed, 'user-data');
    writeFileSync(userData, cloudConfig(order), { mode: 0o600 });
    // An earlier run may have made the disk and no machine.
    rmSync(diskOf(name), { force: true });
    const options = {
      connect: uri,
      name,
      metadata: `description=dc-contract=${order.contract_id} dc-operation=${order.operation_id}`,
      vcpus: order.cpu_cores ?? 1,
      memory: order.memory_mb ?? 1024,
      disk: `path=${diskOf(name)},size=${order.storage_gb ?? 10},backing_store=${baseImage},backing_format=qcow2`,
      network: 'network=default',
      osinfo: 'detect=on,require=off',
      'cloud-init': `user-data=${userData}`,
    };
    const given = Object.entries(options).flatMap(([option, value]) => [`--${option}`, String(value)]);
    run('virt-install', ['--import', '--noautoconsole', ...given]);
  } finally {
    rmSync(seed, { recursive: true });
  }
}

/** JSON is YAML, so cloud-init reads it, and nothing in a key or a script can break out of its quotes. */
function cloudConfig({ requester_ssh_pubkey: key, post_provision_script: recipe }) {
  const config = { disable_root: false, users: [{ name: 'root', ssh_authorized_keys: [key] }] };
  if (recipe) {
    config.write_files = [{ path: '/root/post-provision', permissions: '0700', content: recipe }];
    config.runcmd = [['/root/post-provision']];
  }
  return `#cloud-config\n${JSON.stringify(config)}\n`;
}

/** A machine of ours; undefined when libvirt, asked for all, does not show it, or when it carries no contract. */
function find(name) {
  if (!names().includes(name)) return undefined;
  const stamp = /dc-contract=([0-9a-f]{64}) dc-operation=([0-9a-f]{32})/.exec(virsh('desc', name));
  if (stamp === null) return undefined;
  const state = virsh('domstate', name).trim();
  const status = { running: 'running', 'shut off': 'stopped' }[state] ?? 'unknown';
  return { external_id: name, contract_id: stamp[1], operation_id: stamp[2], status };
}

function names() {
  return virsh('list', '--all', '--name').split('\n').filter(isOurs);
}

/** Names come back from the agent: no command and no path ever sees one that is not of our making. */
function isOurs(name) {
  return /^dc-[0-9a-f]{16}$/.test(name);
}

/** Our name and not our stamp: then the disk of that name is not ours to remove either. */
function refuseStranger(name) {
  if (names().includes(name)) throw new Refused(`${name} carries no contract`);
}

function existing(name) {
  const machine = find(name);
  if (machine === undefined) throw new Refused(`there is no machine ${name}`);
  return machine;
}

function addressOf(name) {
  const [address] = /\b\d{1,3}(\.\d{1,3}){3}\b/.exec(virsh('domifaddr', name)) ?? [];
  return address === undefined ? {} : { ip_address: address };
}

function diskOf(name) {
  if (!isOurs(name)) throw new Refused('this id was not given by this script');
  return join(disks, `${name}.qcow2`);
}

function virsh(...args) {
  return run('virsh', ['--connect', uri, ...args]);
}

/** No shell, and what the command complains about goes to our stderr: the agent shows its end to the operator. */
function run(command, args) {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

class Refused extends Error {}

function answer(order) {
  const action = ACTIONS[order.action];
  if (action === undefined) return { success: false, error: `no such action: ${order.action}`, retry_possible: false };
  try {
    return { success: true, ...action(order) };
  } catch (error) {
    if (error instanceof Refused) return { success: false, error: error.message, retry_possible: false };
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

process.stdout.write(`${JSON.stringify(answer(JSON.parse(readFileSync(0, 'utf8'))))}\n`);
