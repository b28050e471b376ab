import type { Download, Downloads } from '../storage/downloads.ts';

const TINY: Download = {
  sizeBytes: 196_616,
  diskBytes: 1024 ** 3,
  is: 'qcow2',
  checksums: { sha256: '1b7af784841125887e688254229e282829e17245d0e47fe7280da9b68a30d9e1' },
};

const BIG: Download = {
  sizeBytes: 322_306_048,
  diskBytes: 2_411_724_800,
  is: 'qcow2',
  checksums: { sha256: 'b5c3803599ee3bffe4b58f4a3211a481632e896b328e3833aded721591e46c03' },
};

/** The web server of the recordings. */
export const LAB_DOWNLOADS: Downloads = new Map<string, Download>([
  ['http://127.0.0.1:8099/tiny.qcow2', TINY],
  ['http://127.0.0.1:8099/redir/tiny.qcow2', { ...TINY, redirectedTo: 'http://127.0.0.1:8099/tiny.qcow2' }],
  ['https://127.0.0.1:8443/tiny.qcow2', { ...TINY, untrusted: true }],
  ['http://127.0.0.1:8099/html/x.qcow2', { sizeBytes: 27, is: 'page', contentType: 'text/html' }],
  ['http://127.0.0.1:8099/bf.qcow2', { ...TINY, backed: true }],
  ['http://127.0.0.1:8099/none.qcow2', { sizeBytes: 0, trouble: 'not-found' }],
  ['http://127.0.0.1:1/x.qcow2', { sizeBytes: 0, trouble: 'refused' }],
  ['http://127.0.0.1:1/none.qcow2', { sizeBytes: 0, trouble: 'refused' }],
  ['http://10.10.10.250/x.qcow2', { sizeBytes: 0, trouble: 'no-route' }],
  ['http://10.10.20.250/x.qcow2', { sizeBytes: 0, trouble: 'no-route' }],
  ['http://mirror.invalid/x.qcow2', { sizeBytes: 0, trouble: 'unresolved' }],
  ['http://127.0.0.1:8099/slow60/debian-13-lab.qcow2', BIG],
  ['http://127.0.0.1:8099/slow20/debian-13-lab.qcow2', BIG],
]);
