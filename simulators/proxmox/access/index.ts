import type { Endpoint } from '../call.ts';
import { aclEndpoints } from './acl.ts';
import { permissionEndpoints } from './permissions.ts';
import { roleEndpoints } from './roles.ts';
import { sessionEndpoints } from './sessions.ts';
import { tokenEndpoints } from './tokens.ts';
import { userEndpoints } from './users.ts';

/** Everything below `/access`. */
export const accessEndpoints: readonly Endpoint[] = [
  ...sessionEndpoints,
  ...permissionEndpoints,
  ...userEndpoints,
  ...tokenEndpoints,
  ...roleEndpoints,
  ...aclEndpoints,
];
