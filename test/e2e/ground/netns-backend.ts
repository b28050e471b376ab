import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface NetnsBackend {
  /** The lines of the target's table. */
  readonly settings: string;
  /** What is known of every machine that ever was: one file for each, `<id>.gone` after it went. */
  readonly folder: string;
}

/** What the backend writes down about a machine. */
export interface NetnsMachine {
  readonly contract: string;
  readonly address: string;
  /** Its network namespace. */
  readonly namespace: string;
}

/**
 * A backend for the `script` provisioner whose machines are network namespaces on a bridge, at the address that was ordered, each
 * with a real OpenSSH server and a web server on ports 80, 443, 8080 and 10001. It runs in the namespace that has the bridge.
 */
export async function netnsBackend(home: string, prefix: string, bridge: string): Promise<NetnsBackend> {
  const folder = join(home, 'machines');
  await mkdir(folder, { recursive: true });
  const program = join(home, 'backend');
  const settings = JSON.stringify({ folder, prefix, bridge, web: WEB, node: process.execPath });
  await writeFile(program, `#!${process.execPath}\nconst SETTINGS = ${settings};\n${BACKEND}`);
  await chmod(program, 0o755);
  const keys = ['provision', 'terminate', 'health_check', 'list'].map((key) => `${key} = ${JSON.stringify(program)}`);
  return { folder, settings: [...keys, 'static_addresses = true', 'ready_check = "ssh"'].join('\n') };
}

/** Answers every request with the machine's name (and the port, where it is 8080), or with as many bytes as is asked for; takes whatever it is sent. */
const WEB = `
const { createServer } = require('node:http');
const answer = (request, response) => {
  request.resume();
  const bytes = Number(request.headers['x-bytes'] ?? 0);
  const name = require('node:os').hostname() + (request.socket.localPort === 8080 ? ' at 8080' : '');
  request.on('end', () => response.end(bytes > 0 ? Buffer.alloc(bytes, 'x') : name));
};
for (const port of [80, 443, 8080, 10001]) createServer(answer).listen(port, '0.0.0.0');
`;

const BACKEND = String.raw`
const { execFileSync, spawn } = require('node:child_process');
const { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');

const { folder, prefix, bridge, web, node } = SETTINGS;
const file = (id) => folder + '/' + id;
const ids = () => readdirSync(folder).filter((name) => /^vm-[0-9a-f]+$/.test(name));
const read = (id) => JSON.parse(readFileSync(file(id), 'utf8'));
const run = (program, ...args) => execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
const ip = (words, ...more) => run('ip', ...words.split(' '), ...more);
const namespaceOf = (id) => prefix + id;
const cardOf = (id) => 'v' + id.slice(3);
const describe = (id) => {
  const { contract, operation, address, mac } = read(id);
  return { external_id: id, operation_id: operation, contract_id: contract, ip_address: address, mac_address: mac, status: 'running' };
};

/** Until the server has begun to listen. */
function leaveRunning(id, script, ...args) {
  const child = spawn('ip', ['netns', 'exec', namespaceOf(id), 'unshare', '--uts', 'sh', '-ec', script, 'sh', ...args], { detached: true, stdio: 'ignore' });
  child.unref();
}

function remove(id) {
  const namespace = namespaceOf(id);
  if (!existsSync('/run/netns/' + namespace)) return;
  for (const pid of ip('netns pids ' + namespace).split('\n')) if (pid !== '') process.kill(Number(pid), 'SIGKILL');
  try { ip('link delete ' + cardOf(id)); } catch {}
  ip('netns delete ' + namespace);
}

function make(id, { operation_id: operation, contract_id: contract, requester_ssh_pubkey: key, address: given }) {
  // What an earlier run that was cut off has left.
  remove(id);
  const { ipv4: address, prefix_length: length, gateway } = given;
  const [namespace, card, home] = [namespaceOf(id), cardOf(id), folder + '/home-' + id];
  ip('netns add ' + namespace);
  ip('link add ' + card + ' type veth peer name eth0 netns ' + namespace);
  ip('link set ' + card + ' up master ' + bridge);
  for (const words of ['link set lo up', 'address add ' + address + '/' + length + ' dev eth0', 'link set eth0 up', 'route add default via ' + gateway]) ip('-n ' + namespace + ' ' + words);
  const mac = JSON.parse(ip('-j -n ' + namespace + ' link show eth0'))[0].address;
  mkdirSync(home, { recursive: true, mode: 0o700 });
  if (!existsSync(home + '/host')) run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', home + '/host');
  writeFileSync(home + '/keys', key + '\n', { mode: 0o600 });
  // An account that is locked on this host is not in the machine.
  writeFileSync(home + '/shadow', 'root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n', { mode: 0o600 });
  const lines = ['Port 22', 'HostKey ' + home + '/host', 'AuthorizedKeysFile ' + home + '/keys', 'StrictModes no', 'UsePAM no',
    'PermitRootLogin yes', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'PidFile none', 'UseDNS no'];
  writeFileSync(home + '/sshd_config', lines.join('\n') + '\n');
  leaveRunning(id, 'hostname "$1"; mount --bind "$2/shadow" /etc/shadow; mkdir -p /run/sshd; exec /usr/sbin/sshd -D -f "$2/sshd_config"', contract.slice(0, 12), home);
  leaveRunning(id, 'hostname "$1"; exec "$2" -e "$3"', contract.slice(0, 12), node, web);
  writeFileSync(file(id), JSON.stringify({ contract, operation, address, mac, namespace }));
}

const actions = {
  provision(order) {
    const id = 'vm-' + order.operation_id.slice(0, 12);
    if (!ids().includes(id)) make(id, order);
    return { instance: describe(id) };
  },
  get_instance: ({ external_id: id }) => ({ instance: ids().includes(id) ? describe(id) : null }),
  health_check: () => ({ health: { status: 'healthy' } }),
  list: () => ({ complete: true, instances: ids().map(describe) }),
  terminate({ external_id: id }) {
    if (!ids().includes(id)) return {};
    // How the host's ports were at that moment, for the test.
    const ports = run('/usr/sbin/nft', 'list', 'map', 'inet', 'dc_agent', 'forwards');
    writeFileSync(file(id), JSON.stringify({ ...read(id), ports }));
    remove(id);
    renameSync(file(id), file(id) + '.gone');
    return {};
  },
};

const order = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify({ success: true, ...actions[order.action](order) }));
`;
