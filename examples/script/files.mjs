#!/usr/bin/env node
// The script protocol in one screen: every "machine" is a file in $DC_FILES_DIR and nothing runs. Start from this one to see
// the whole conversation, or to try dc-agent without a backend. The protocol itself: docs/script.md.
//
//   [[targets]]
//   name = "files"
//   type = "script"
//   [targets.script]
//   provision = "/opt/dc/files.mjs"      # one executable may serve every key: the order says what is wanted
//   terminate = "/opt/dc/files.mjs"
//   health_check = "/opt/dc/files.mjs"
//   list = "/opt/dc/files.mjs"
//   start = "/opt/dc/files.mjs"
//   stop = "/opt/dc/files.mjs"
//   forward_env = ["DC_FILES_DIR"]
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DIRECTORY = process.env.DC_FILES_DIR ?? '/var/lib/dc-files';

const ACTIONS = {
  // The machine is named after the operation, so the same operation always ends at the same machine.
  provision(order) {
    const id = `vm-${order.operation_id.slice(0, 16)}`;
    if (read(id) === undefined) {
      create(id, {
        contract_id: order.contract_id,
        operation_id: order.operation_id,
        status: 'running',
        cpu_cores: order.cpu_cores,
        memory_mb: order.memory_mb,
        ssh_pubkey: order.requester_ssh_pubkey,
      });
    }
    return { instance: describe(id, read(id)) };
  },

  // "instance": null is the one way to say that there is no such machine.
  get_instance({ external_id: id }) {
    const machine = read(id);
    return { instance: machine ? describe(id, machine) : null };
  },

  list() {
    const ids = readdirSync(DIRECTORY)
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length));
    const machines = ids.map((id) => [id, read(id)]).filter(([, machine]) => machine !== undefined);
    return { instances: machines.map(([id, machine]) => describe(id, machine)) };
  },

  health_check({ external_id: id }) {
    const machine = existing(id);
    if (machine.status === 'running') return { health: { status: 'healthy' } };
    return { health: { status: 'unhealthy', reason: 'it is switched off' } };
  },

  start({ external_id: id }) {
    replace(id, { ...existing(id), status: 'running' });
    return {};
  },

  stop({ external_id: id }) {
    replace(id, { ...existing(id), status: 'stopped' });
    return {};
  },

  // It may be asked twice: what is gone already is a success.
  terminate({ external_id: id }) {
    rmSync(fileOf(id), { force: true });
    return {};
  },
};

function describe(id, { contract_id, operation_id, status }) {
  return { external_id: id, contract_id, operation_id, status };
}

function existing(id) {
  const machine = read(id);
  if (machine === undefined) throw new Error(`there is no machine ${id}`);
  return machine;
}

function read(id) {
  try {
    return JSON.parse(readFileSync(fileOf(id), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

// Two runs for one operation may overlap when the agent was killed. Both may get here; the file appears once, and whole.
function create(id, machine) {
  const temporary = `${fileOf(id)}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(machine), { mode: 0o600 });
  try {
    linkSync(temporary, fileOf(id));
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary);
  }
}

function replace(id, machine) {
  const temporary = `${fileOf(id)}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(machine), { mode: 0o600 });
  renameSync(temporary, fileOf(id));
}

// The id comes back from the agent, but a path is never built from a text that was not looked at.
function fileOf(id) {
  if (!/^vm-[0-9a-f]{16}$/.test(id)) throw new Error('this id was not given by this script');
  return join(DIRECTORY, `${id}.json`);
}

function answer(order) {
  const action = ACTIONS[order.action];
  if (action === undefined) return { success: false, error: `no such action: ${order.action}`, retry_possible: false };
  try {
    mkdirSync(DIRECTORY, { recursive: true, mode: 0o700 });
    return { success: true, ...action(order) };
  } catch (error) {
    return { success: false, error: error.message, retry_possible: error.code === 'ENOSPC' };
  }
}

process.stdout.write(`${JSON.stringify(answer(JSON.parse(readFileSync(0, 'utf8'))))}\n`);
