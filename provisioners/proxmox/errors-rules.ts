import type { ErrorKind } from '../../src/provisioner/index.ts';

/** What the plugin can branch on. */
export type PveReason =
  // About a guest.
  | 'vm-missing'
  | 'exists'
  | 'locked'
  | 'lock-timeout'
  | 'protected'
  | 'running'
  | 'not-running'
  | 'in-use'
  | 'ha-managed'
  | 'template'
  | 'clone-unsupported'
  | 'shrink'
  | 'no-disk'
  | 'no-bridge'
  | 'hotplug'
  | 'stale-digest'
  | 'shutdown-timeout'
  | 'start-failed'
  | 'bad-key'
  // About its guest agent.
  | 'agent-down'
  | 'agent-off'
  | 'agent-timeout'
  | 'agent-failed'
  // About the host.
  | 'no-node'
  | 'no-storage'
  | 'storage-content'
  | 'storage-full'
  | 'no-memory'
  | 'no-cores'
  | 'no-id'
  | 'no-pool'
  | 'no-quorum'
  | 'missing'
  | 'no-volume'
  | 'download-failed'
  // About the caller.
  | 'unauthorized'
  | 'no-right'
  | 'root-only'
  | 'bad-request'
  | 'unsupported'
  // About tasks.
  | 'no-task'
  | 'task-died'
  | 'task-stopped'
  | 'task-running'
  // About the way there.
  | 'unreachable'
  | 'certificate'
  | 'not-proxmox'
  | 'lost'
  | 'cancelled'
  | 'other';

export interface Rule {
  readonly words: RegExp;
  /** Absent: under every status, and as the end of a task. */
  readonly status?: number;
  /** `unsure`: may have been done all the same; in the dark where it must not be repeated. */
  readonly kind: ErrorKind | 'unsure';
  readonly reason: PveReason;
  readonly remedy?: string;
  readonly publicText?: string;
}

const NO_SUCH_CORES = 'This machine has more processor cores than any host here.';
const SMALL_DISK = 'This machine’s disk is smaller than its image.';
const BAD_KEY = 'The SSH key was not accepted.';

/** The words are those of Proxmox VE 7.4 to 9.1; order matters where one text contains another. */
export const RULES: readonly Rule[] = [
  { words: /no quorum/i, kind: 'retry', reason: 'no-quorum' },

  // Rights. The pool is named in a 403, since whoever may not see a pool may not learn whether it exists.
  { words: /\(pool '.*' does not exist\)/, kind: 'config', reason: 'no-pool', remedy: "correct 'pool'" },
  {
    words: /only root (?:may|can)/i,
    kind: 'config',
    reason: 'root-only',
    remedy: 'no token may do this, not even one of root',
  },

  // Locks: a flag in the guest's configuration, or a file that another request holds. Nothing was done in either case.
  { words: /VM is locked(?: \(|$)/, kind: 'retry', reason: 'locked' },
  {
    words: /can't lock file|cfs-lock '.*' error|got lock request timeout|locked command timed out/i,
    kind: 'retry',
    reason: 'lock-timeout',
  },

  // Ids. "Already exists" of other things than guests lets a setup go on.
  { words: /config file already exists|VM \d+ already exists/, kind: 'retry', reason: 'exists' },
  {
    words: /already exists|is already a pool member|refusing to override existing file/i,
    kind: 'permanent',
    reason: 'exists',
  },
  { words: /unable to get any free VMID/i, kind: 'capacity', reason: 'no-id' },
  {
    words: /Configuration file '.*' does not exist|unable to find configuration file for VM/,
    kind: 'retry',
    reason: 'vm-missing',
  },

  // What a guest is in the middle of.
  { words: /protection mode enabled/, kind: 'config', reason: 'protected', remedy: 'switch its protection off' },
  { words: /is running - destroy failed|VM \d+ already running|if VM is running/, kind: 'retry', reason: 'running' },
  { words: /used in HA resources/, kind: 'config', reason: 'ha-managed', remedy: 'remove it from HA' },
  { words: /still in use by linked clone|is not empty \(contains/, kind: 'config', reason: 'in-use' },
  { words: /if it's a template|convert a template to a template/, kind: 'config', reason: 'template' },
  {
    words: /checksum mismatch \(file change|detected modified configuration|file changed by other user/i,
    kind: 'retry',
    reason: 'stale-digest',
  },
  { words: /quit\/powerdown failed/, kind: 'retry', reason: 'shutdown-timeout' },

  // The guest agent. A command that timed out may still be running inside.
  { words: /guest agent is not running/i, kind: 'retry', reason: 'agent-down' },
  {
    words: /No QEMU guest agent configured/i,
    kind: 'config',
    reason: 'agent-off',
    remedy: "switch the template's guest agent option on",
  },
  {
    words: /command guest-[\w-]+ has been disabled/i,
    kind: 'config',
    reason: 'agent-off',
    remedy: "the image's guest agent forbids this: allow it there, on Rocky in /etc/sysconfig/qemu-ga",
  },
  { words: /(?:qga|qmp) command 'guest-[\w-]+' failed - got timeout/, kind: 'unsure', reason: 'agent-timeout' },
  { words: /Agent error:|(?:qga|qmp) command 'guest-[\w-]+' failed/, kind: 'retry', reason: 'agent-failed' },
  { words: /VM \d+ (?:is )?not running/, kind: 'retry', reason: 'not-running' },

  // Disks and storages.
  {
    words: /(?:Linked|Full) clone feature is not supported|not allowed for linked clones/,
    kind: 'config',
    reason: 'clone-unsupported',
    remedy: "the template's storage cannot do this kind of clone: change 'clone'",
  },
  {
    words:
      /no space left on device|not enough (?:free )?space|out of space|insufficient (?:free )?(?:space|extents)|free space in thin pool|quota exceeded/i,
    kind: 'capacity',
    reason: 'storage-full',
  },
  { words: /shrinking disks is not supported/, kind: 'permanent', reason: 'shrink', publicText: SMALL_DISK },
  { words: /disk '.*' does not exist/, kind: 'config', reason: 'no-disk' },
  {
    words: /no such storage|storage '.*' (?:does not exist|is not (?:available|online|active)|is disabled)/i,
    kind: 'config',
    reason: 'no-storage',
    remedy: "correct 'storage'",
  },
  {
    words: /not configured for content-type|does not support (?:content-type|vm images)|wrong type '.*' - needs to be/i,
    kind: 'config',
    reason: 'storage-content',
    remedy: 'add that content to the storage',
  },
  { words: /failed - no format|unable to parse directory volume name/, kind: 'config', reason: 'no-volume' },
  { words: /download failed|invalid server response|^checksum mismatch/i, kind: 'retry', reason: 'download-failed' },

  // Power and hardware.
  { words: /cannot allocate memory|not enough (?:free )?memory|out of memory/i, kind: 'capacity', reason: 'no-memory' },
  { words: /MAX \d+ vcpus allowed/i, kind: 'capacity', reason: 'no-cores', publicText: NO_SUCH_CORES },
  { words: /bridge '.*' does not exist/, kind: 'config', reason: 'no-bridge', remedy: 'correct the bridge' },
  { words: /hotplug problem/, kind: 'retry', reason: 'hotplug' },
  { words: /start failed:|QEMU exited with code/, kind: 'retry', reason: 'start-failed' },

  // Nodes, accounts, tasks.
  { words: /hostname lookup '.*' failed|no such cluster node/, kind: 'config', reason: 'no-node' },
  {
    words:
      /no such (?:user|token|group|role|pool)|(?:user|role|group|pool|domain|ipset|alias)\b.*(?:does not exist|not found)/i,
    kind: 'config',
    reason: 'missing',
  },
  { words: /invalid privilege '/, kind: 'config', reason: 'unsupported', remedy: 'another version has this privilege' },
  { words: /no such task/, kind: 'retry', reason: 'no-task' },
  // The worker left no last line, or none that can be read: it may have come to its end all the same.
  { words: /^(?:unexpected status|unable to (?:read tail|open file))/, kind: 'unsure', reason: 'task-died' },
  { words: /^(?:interrupted by signal|received interrupt|stopped)\b/i, kind: 'retry', reason: 'task-stopped' },

  {
    words: /SSH public key validation error|sshkeys: invalid format/,
    kind: 'permanent',
    reason: 'bad-key',
    publicText: BAD_KEY,
  },
];
