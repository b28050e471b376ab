import type { Personality } from '../call.ts';

const COMMON = [
  'Datastore.Allocate',
  'Datastore.AllocateSpace',
  'Datastore.AllocateTemplate',
  'Datastore.Audit',
  'Group.Allocate',
  'Mapping.Audit',
  'Mapping.Modify',
  'Mapping.Use',
  'Permissions.Modify',
  'Pool.Allocate',
  'Pool.Audit',
  'Realm.Allocate',
  'Realm.AllocateUser',
  'SDN.Allocate',
  'SDN.Audit',
  'SDN.Use',
  'Sys.AccessNetwork',
  'Sys.Audit',
  'Sys.Console',
  'Sys.Incoming',
  'Sys.Modify',
  'Sys.PowerMgmt',
  'Sys.Syslog',
  'User.Modify',
  'VM.Allocate',
  'VM.Audit',
  'VM.Backup',
  'VM.Clone',
  'VM.Config.CDROM',
  'VM.Config.CPU',
  'VM.Config.Cloudinit',
  'VM.Config.Disk',
  'VM.Config.HWType',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.Options',
  'VM.Console',
  'VM.Migrate',
  'VM.PowerMgmt',
  'VM.Snapshot',
  'VM.Snapshot.Rollback',
];

/** 9.0 took `VM.Monitor` apart; each version refuses the other's names. */
const OF_VERSION: Readonly<Record<Personality, readonly string[]>> = {
  '8.4': ['VM.Monitor'],
  '9.1': [
    'VM.GuestAgent.Audit',
    'VM.GuestAgent.FileRead',
    'VM.GuestAgent.FileSystemMgmt',
    'VM.GuestAgent.FileWrite',
    'VM.GuestAgent.Unrestricted',
    'VM.Replicate',
  ],
};

/** Every privilege that this version knows. */
export function privilegesOf(personality: Personality): readonly string[] {
  return [...COMMON, ...OF_VERSION[personality]];
}

export function isPrivilege(name: string, personality: Personality): boolean {
  return privilegesOf(personality).includes(name);
}

/** The roles that come with the product; they cannot be changed, and no others may begin with `PVE`. */
export function builtInRoles(personality: Personality): Map<string, Set<string>> {
  const all = privilegesOf(personality);
  const only = (...privileges: readonly string[]): Set<string> =>
    new Set(privileges.filter((name) => all.includes(name)));
  const notOf = (...privileges: readonly string[]): Set<string> =>
    new Set(all.filter((name) => !privileges.includes(name)));
  return new Map([
    ['Administrator', new Set(all)],
    ['NoAccess', new Set()],
    [
      'PVEAdmin',
      notOf(
        'Mapping.Modify',
        'Permissions.Modify',
        'Realm.Allocate',
        'Sys.AccessNetwork',
        'Sys.Incoming',
        'Sys.Modify',
        'Sys.PowerMgmt',
      ),
    ],
    [
      'PVEAuditor',
      only(
        'Datastore.Audit',
        'Mapping.Audit',
        'Pool.Audit',
        'SDN.Audit',
        'Sys.Audit',
        'VM.Audit',
        'VM.GuestAgent.Audit',
      ),
    ],
    ['PVEDatastoreAdmin', new Set(all.filter((name) => name.startsWith('Datastore.')))],
    ['PVEDatastoreUser', only('Datastore.AllocateSpace', 'Datastore.Audit')],
    ['PVEMappingAdmin', new Set(all.filter((name) => name.startsWith('Mapping.')))],
    ['PVEMappingUser', only('Mapping.Audit', 'Mapping.Use')],
    ['PVEPoolAdmin', only('Pool.Allocate', 'Pool.Audit')],
    ['PVEPoolUser', only('Pool.Audit')],
    ['PVESDNAdmin', new Set(all.filter((name) => name.startsWith('SDN.')))],
    ['PVESDNUser', only('SDN.Audit', 'SDN.Use')],
    ['PVESysAdmin', only('Sys.Audit', 'Sys.Console', 'Sys.Syslog')],
    ['PVETemplateUser', only('VM.Audit', 'VM.Clone')],
    ['PVEUserAdmin', only('Group.Allocate', 'Realm.AllocateUser', 'User.Modify')],
    ['PVEVMAdmin', new Set(all.filter((name) => name.startsWith('VM.')))],
    [
      'PVEVMUser',
      only(
        'VM.Audit',
        'VM.Backup',
        'VM.Config.CDROM',
        'VM.Config.Cloudinit',
        'VM.Console',
        'VM.GuestAgent.Audit',
        'VM.GuestAgent.FileRead',
        'VM.GuestAgent.FileSystemMgmt',
        'VM.GuestAgent.FileWrite',
        'VM.PowerMgmt',
      ),
    ],
  ]);
}

/** Is this role one of the product's own? */
export function isBuiltIn(role: string): boolean {
  return builtInRoles('9.1').has(role);
}
