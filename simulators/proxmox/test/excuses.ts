/** Why a recorded answer is not compared; each condition that is given must hold. */
export interface Excuse {
  readonly file?: string;
  readonly set?: string;
  readonly note?: RegExp;
  readonly path?: RegExp;
  readonly why: string;
}

/** Recorded answers that were made by the recorded machine or by chance, not by Proxmox VE. */
export const EXCUSES: readonly Excuse[] = [
  {
    note: /^(JSON body, full clone of running VM|full clone of running VM)$/,
    why: 'the recorded build of QEMU could not copy a running disk (zeroinit)',
  },
  {
    set: 'p3',
    note: /^clone a VM being cloned$/,
    why: 'the recorded build of QEMU could not copy a running disk (zeroinit)',
  },
  { set: 'p1', note: /^delete purge$/, why: 'the copy before it had failed on that build of QEMU' },
  { note: /^nextid race$|^parallel clone same newid$/, why: 'a race: which of three ways a loser loses is chance' },
  {
    file: 'pve-transcripts-8.4.21',
    set: 'p4',
    note: /^delete during clone$/,
    why: 'sent at the same time as two calls that blocked its worker; workers.test.ts plays the 596',
  },
  {
    file: 'pve-transcripts-8.4.21',
    set: 'p5',
    note: /^(token perms|content)$/,
    why: 'machines of earlier sets were still there',
  },
  { set: 'p5', path: /rrddata/, why: 'an earlier machine of that id had left its figures behind' },
  { set: 'p6', note: /^file-read$/, why: 'the file had been put there by hand' },
  {
    file: 'pve-transcripts-8.4.21',
    set: 'p6',
    note: /^(delete|gone: status.*)$/,
    why: 'the restart after the recorded reboot came only then',
  },
  { file: 'wizard-8.4.21', note: /^status while deleting$/, why: 'a race between the deletion and the question' },
];
