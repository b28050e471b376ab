/**
 * A backend for the `script` provisioner whose machines are processes that it leaves running. It keeps one file for each, named
 * after its operation, in the only place where a service without rights may write.
 */
export const BACKEND = `#!/usr/local/bin/node
const { spawn } = require('node:child_process');
const { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');

const FOLDER = '/var/lib/dc-agent/backend';
mkdirSync(FOLDER, { recursive: true });
const read = (id) => JSON.parse(readFileSync(FOLDER + '/' + id, 'utf8'));
const ids = () => readdirSync(FOLDER);
const describe = (id) => {
  const { contract } = read(id);
  return { external_id: id, operation_id: id, contract_id: contract, ip_address: '192.0.2.1', status: 'running' };
};

const actions = {
  provision({ operation_id: id, contract_id: contract }) {
    if (!ids().includes(id)) {
      const machine = spawn('sleep', ['infinity'], { detached: true, stdio: 'ignore' });
      writeFileSync(FOLDER + '/' + id, JSON.stringify({ contract, pid: machine.pid }));
      machine.unref();
    }
    return { instance: describe(id) };
  },
  get_instance: ({ external_id: id }) => ({ instance: ids().includes(id) ? describe(id) : null }),
  health_check: () => ({ health: { status: 'healthy' } }),
  list: () => ({ complete: true, instances: ids().map(describe) }),
  terminate({ external_id: id }) {
    if (ids().includes(id)) {
      process.kill(read(id).pid);
      rmSync(FOLDER + '/' + id);
    }
    return {};
  },
};

const order = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify({ success: true, ...actions[order.action](order) }));
`;
