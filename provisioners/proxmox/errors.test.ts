import { describe, expect, test } from 'vitest';
import { type Effect, oneLine, PveProblem, reasonOf, refused } from './errors.ts';

const refusal = (status: number | undefined, text: string, effect: Effect = 'once') =>
  refused({ doing: 'do it', effect, text, ...(status === undefined ? {} : { status }) });

// Hosts' own words, 7.4 to 9.1; without a status they are how a task ended.
const WORDS: readonly [number | undefined, string, string, string][] = [
  // A guest that cannot be found: never "absent".
  [500, "Configuration file 'nodes/pve/qemu-server/999.conf' does not exist", 'retry', 'vm-missing'],
  [undefined, "Configuration file 'nodes/pve/qemu-server/999.conf' does not exist", 'retry', 'vm-missing'],
  [500, "unable to find configuration file for VM 999 on node 'pve'", 'retry', 'vm-missing'],
  // Ids.
  [500, 'unable to create VM 101: config file already exists', 'retry', 'exists'],
  [undefined, 'unable to create VM 101: config file already exists', 'retry', 'exists'],
  [500, "unable to create VM 101 - VM 101 already exists on node 'pve'", 'retry', 'exists'],
  [400, 'Parameter verification failed. vmid: VM 101 already exists', 'retry', 'exists'],
  [500, 'unable to get any free VMID in range [500, 502]', 'capacity', 'no-id'],
  // Locks.
  [500, 'VM is locked (clone)', 'retry', 'locked'],
  [undefined, 'VM is locked (backup)', 'retry', 'locked'],
  [500, "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout", 'retry', 'lock-timeout'],
  [undefined, "can't lock file '/var/lock/pve-manager/pve-storage-local' - got timeout", 'retry', 'lock-timeout'],
  [undefined, "cfs-lock 'storage-nfs' error: got lock request timeout", 'retry', 'lock-timeout'],
  [undefined, "'storage-nfs'-locked command timed out - aborting", 'retry', 'lock-timeout'],
  // What a guest is in the middle of.
  [500, 'VM 101 is running - destroy failed', 'retry', 'running'],
  [undefined, 'VM 101 already running', 'retry', 'running'],
  [500, "you can't convert a VM to template if VM is running", 'retry', 'running'],
  [500, 'VM 101 not running', 'retry', 'not-running'],
  [500, 'VM 9000 is not running', 'retry', 'not-running'],
  [500, "can't remove VM 101 - protection mode enabled", 'config', 'protected'],
  [500, 'unable to remove VM 101 - used in HA resources and purge parameter not set.', 'config', 'ha-managed'],
  [undefined, "base volume 'local:9000/base-9000-disk-0.qcow2' is still in use by linked cloned", 'config', 'in-use'],
  [undefined, "you can't start a vm if it's a template", 'config', 'template'],
  [500, "you can't convert a template to a template", 'config', 'template'],
  [undefined, 'VM quit/powerdown failed - got timeout', 'retry', 'shutdown-timeout'],
  [500, 'checksum mismatch (file change by other user?)', 'retry', 'stale-digest'],
  [
    500,
    'update storage failed: detected modified configuration - file changed by other user? Try again.',
    'retry',
    'stale-digest',
  ],
  // Disks and storages.
  [500, "Linked clone feature is not supported for 'local:x' (scsi0)", 'config', 'clone-unsupported'],
  [500, "parameter 'storage' not allowed for linked clones", 'config', 'clone-unsupported'],
  [undefined, 'shrinking disks is not supported', 'permanent', 'shrink'],
  [undefined, "disk 'scsi5' does not exist", 'config', 'no-disk'],
  [400, 'Parameter verification failed. storage: No such storage.', 'config', 'no-storage'],
  [500, "storage 'nostore' does not exist", 'config', 'no-storage'],
  [500, "storage 'local' is not configured for content-type 'import'", 'config', 'storage-content'],
  [undefined, "lvcreate 'pve/vm-101' error: No space left on device", 'capacity', 'storage-full'],
  [
    undefined,
    'Cannot create new thin volume, free space in thin pool pve/data reached threshold.',
    'capacity',
    'storage-full',
  ],
  [500, "volume_size_info on 'local:import/none.qcow2' failed - no format", 'config', 'no-volume'],
  [undefined, 'download failed: Connecting to 10.10.10.9:80... failed: No route to host.', 'retry', 'download-failed'],
  [500, "invalid server response: '404 Not Found'", 'retry', 'download-failed'],
  // The guest agent.
  [500, 'QEMU guest agent is not running', 'retry', 'agent-down'],
  [500, 'No QEMU guest agent configured', 'config', 'agent-off'],
  [500, 'Agent error: The command guest-exec has been disabled for this instance', 'config', 'agent-off'],
  [500, "VM 140 qga command 'guest-set-user-password' failed - got timeout", 'unknown-outcome', 'agent-timeout'],
  [500, "Agent error: failed to open file '/nope' (mode: 'r'): No such file or directory", 'retry', 'agent-failed'],
  // Hardware.
  [undefined, "bridge 'vmbr9' does not exist", 'config', 'no-bridge'],
  [undefined, 'start failed: QEMU exited with code 1', 'retry', 'start-failed'],
  [undefined, 'start failed: Cannot allocate memory', 'capacity', 'no-memory'],
  [undefined, 'MAX 2 vcpus allowed per VM on this node', 'capacity', 'no-cores'],
  [
    400,
    "Parameter verification failed. net0: hotplug problem - error on hot-unplugging device 'net0'",
    'retry',
    'hotplug',
  ],
  // Nodes, pools, accounts.
  [500, "hostname lookup 'nope' failed - failed to get address info for: nope", 'config', 'no-node'],
  [500, "no such cluster node 'x'", 'config', 'no-node'],
  [403, "Permission check failed (pool 'nopool' does not exist)", 'config', 'no-pool'],
  [500, "pool 'nope' does not exist", 'config', 'missing'],
  [500, "delete pool failed: pool 'wiz' is not empty (contains VM 9100)", 'config', 'in-use'],
  [500, 'VM 150 is already a pool member', 'permanent', 'exists'],
  [500, "create role failed: role 'X' already exists", 'permanent', 'exists'],
  [400, 'Parameter verification failed. tokenid: Token already exists.', 'permanent', 'exists'],
  [500, "role 'Wiz' does not exist", 'config', 'missing'],
  [500, "no such user ('nobody@pve')", 'config', 'missing'],
  [500, "no such token 'nope' for user 'wiz@pve'", 'config', 'missing'],
  // Rights.
  [403, 'Permission check failed (/vms/140, VM.Audit)', 'config', 'no-right'],
  [403, 'Permission check failed', 'config', 'no-right'],
  [500, "only root can set 'args' config", 'config', 'root-only'],
  [400, 'Parameter verification failed. skiplock: Only root may use this option.', 'config', 'root-only'],
  [401, 'Authentication failed!', 'config', 'unauthorized'],
  [401, 'Permission denied - invalid csrf token', 'config', 'unauthorized'],
  // Requests.
  [400, 'Parameter verification failed. size: value does not match the regex pattern', 'permanent', 'bad-request'],
  [
    400,
    "Parameter verification failed. privs: invalid format - invalid privilege 'VM.Monitor'",
    'config',
    'unsupported',
  ],
  [500, 'SSH public key validation error', 'permanent', 'bad-key'],
  [501, "Method 'GET /nope' not implemented", 'config', 'unsupported'],
  // Tasks.
  [400, 'Parameter verification failed. upid: no such task', 'retry', 'no-task'],
  [undefined, 'unexpected status', 'unknown-outcome', 'task-died'],
  [undefined, 'interrupted by signal', 'retry', 'task-stopped'],
  [undefined, 'something new', 'retry', 'other'],
  // The cluster and the way there.
  [500, 'cluster not ready - no quorum?', 'retry', 'no-quorum'],
  [595, 'Connection refused', 'retry', 'unreachable'],
  [595, 'No route to host', 'retry', 'unreachable'],
  [596, 'Broken pipe', 'unknown-outcome', 'unreachable'],
  [597, '', 'unknown-outcome', 'unreachable'],
  [599, 'Too many redirections', 'unknown-outcome', 'unreachable'],
  [504, 'Gateway Timeout', 'unknown-outcome', 'unreachable'],
  [500, 'something new', 'unknown-outcome', 'other'],
  [429, 'Too Many Requests', 'throttled', 'other'],
];

describe('what Proxmox refuses with', () => {
  test.each(WORDS)('%s %s is %s (%s)', (status, text, kind, reason) => {
    expect(refusal(status, text)).toMatchObject({ kind, reason, status });
  });

  test.each(WORDS.filter(([, , kind]) => kind === 'unknown-outcome'))(
    'leaves nothing in the dark that may be repeated: %s %s',
    (status, text) => {
      expect(refusal(status, text, 'repeatable').kind).toBe('retry');
      expect(refusal(status, text, 'none').kind).toBe('retry');
    },
  );

  test('says what failed, on what, why, and what to do', () => {
    expect(refusal(403, 'Permission check failed (/vms/140, VM.Audit)').message).toBe(
      'Proxmox refused to do it: 403 Permission check failed (/vms/140, VM.Audit) (give the right to the user and to its token: a token has only what both have)',
    );
    expect(refusal(undefined, 'VM is locked (backup)').message).toBe(
      'The task failed that was to do it: VM is locked (backup)',
    );
    expect(refusal(500, '').message).toContain('it did not say why');
  });

  test('never shows outside this host', () => {
    for (const [status, text] of WORDS) {
      const { publicText } = refusal(status, text);
      expect(publicText).not.toMatch(/pve|\/var|vmbr|\d{3}/);
    }
  });
});

test('the reason is known of this client’s errors only', () => {
  expect(reasonOf(new PveProblem('retry', 'locked', 'x'))).toBe('locked');
  expect(reasonOf(new Error('x'))).toBeUndefined();
});

test('foreign text becomes one short line', () => {
  expect(oneLine(' a\n\u001b[31mb ')).toBe('a [31mb');
  expect(oneLine('x'.repeat(5000)).length).toBeLessThan(500);
});
