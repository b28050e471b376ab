import { X509Certificate } from 'node:crypto';
import type { Call, Endpoint } from '../call.ts';
import { FLAG, NODE, optional } from '../rules.ts';
import type { NodeCertificate } from '../state.ts';
import { nodeNamed } from './nodes.ts';

const ARCH = { type: 'string', optional: true, enum: ['x86_64', 'aarch64'], only: '9.1' } as const;

export const hardwareEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/hardware/pci',
    params: {
      node: NODE,
      verbose: optional(FLAG),
      'pci-class-blacklist': { type: 'string', optional: true, format: 'string-list' },
    },
    permission: ['perm', '/', ['Sys.Audit', 'Sys.Modify'], 'any'],
    protected: true,
    handle: pci,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/certificates/info',
    params: { node: NODE },
    permission: 'all',
    handle: ({ pve, params }) => certificates(nodeNamed(pve, params.text('node')).certificate),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/capabilities/qemu/cpu',
    params: { node: NODE, arch: ARCH },
    permission: 'all',
    handle: () => CPU_MODELS.map(([name, vendor]) => ({ name, vendor, custom: 0 })),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/capabilities/qemu/cpu-flags',
    params: { node: NODE, arch: ARCH },
    permission: 'all',
    only: '9.1',
    handle: () => CPU_FLAGS.map((name) => ({ name, description: `Passes the flag ${name} on.` })),
  },
];

/** The authority's and the node's own, as their files on the host are called. */
function certificates({ authority, pem, fingerprint }: NodeCertificate): unknown[] {
  if (authority === undefined || pem === undefined) return [{ filename: 'pve-ssl.pem', fingerprint }];
  return [certificateRow('pve-root-ca.pem', authority), certificateRow('pve-ssl.pem', pem)];
}

function certificateRow(filename: string, pem: string): object {
  const certificate = new X509Certificate(pem);
  const names = certificate.subjectAltName?.split(', ').map((name) => name.replace(/^(DNS|IP Address):/, '')) ?? [];
  return {
    filename,
    pem,
    fingerprint: certificate.fingerprint256,
    subject: slashed(certificate.subject),
    issuer: slashed(certificate.issuer),
    notbefore: Math.floor(Date.parse(certificate.validFrom) / 1000),
    notafter: Math.floor(Date.parse(certificate.validTo) / 1000),
    san: names,
    'public-key-type': 'id-ecPublicKey',
    'public-key-bits': 256,
  };
}

function slashed(name: string): string {
  return `/${name.split('\n').join('/')}`;
}

/** Memory, bridges and processors are left out unless asked for, as in the web interface. */
const UNINTERESTING = ['05', '06', '0b'];

function pci({ pve, params }: Call): unknown[] {
  const hidden = params.has('pci-class-blacklist') ? params.list('pci-class-blacklist') : UNINTERESTING;
  const devices = nodeNamed(pve, params.text('node')).pci.filter(
    (device) => !hidden.some((prefix) => device.class.startsWith(`0x${prefix}`)),
  );
  if (!params.flag('verbose', true)) return devices.map(({ id }) => ({ id }));
  return devices.map((device) => ({
    id: device.id,
    class: device.class,
    vendor: device.vendor,
    vendor_name: device.vendorName,
    device: device.device,
    device_name: device.deviceName,
    iommugroup: device.iommugroup,
  }));
}

/** Some of what QEMU knows; the names are its own. */
const CPU_MODELS = [
  ['host', 'default'],
  ['max', 'default'],
  ['kvm64', 'default'],
  ['qemu64', 'default'],
  ['x86-64-v2', 'default'],
  ['x86-64-v2-AES', 'default'],
  ['x86-64-v3', 'default'],
  ['x86-64-v4', 'default'],
  ['EPYC', 'AuthenticAMD'],
  ['EPYC-Genoa', 'AuthenticAMD'],
  ['EPYC-Milan', 'AuthenticAMD'],
  ['EPYC-Rome', 'AuthenticAMD'],
  ['Cascadelake-Server', 'GenuineIntel'],
  ['Icelake-Server', 'GenuineIntel'],
  ['SapphireRapids', 'GenuineIntel'],
  ['Skylake-Server', 'GenuineIntel'],
] as const;

const CPU_FLAGS = ['aes', 'nested-virt', 'md-clear', 'pcid', 'pdpe1gb', 'spec-ctrl', 'ssbd', 'virt-ssbd'];
