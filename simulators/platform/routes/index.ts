import { accessRoutes } from './access.ts';
import { autoAcceptRoutes } from './auto-accept.ts';
import { contractViewRoutes } from './contract-views.ts';
import { delegationRoutes } from './delegations.ts';
import { gatewayRoutes } from './gateway.ts';
import { healthRoutes } from './health.ts';
import { heartbeatRoutes } from './heartbeat.ts';
import { meteringRoutes } from './metering.ts';
import { offeringRoutes } from './offerings.ts';
import { poolRoutes } from './pools.ts';
import { reconcileRoutes } from './reconcile.ts';
import { rentalRoutes } from './rentals.ts';
import { reportRoutes } from './reports.ts';
import { setupRoutes } from './setup.ts';
import { suggestionRoutes } from './suggestions.ts';
import { workRoutes } from './work.ts';

/** Everything that the simulator serves, one row per method and path. */
export const ROUTES = [
  ...setupRoutes,
  ...heartbeatRoutes,
  ...workRoutes,
  ...reportRoutes,
  ...reconcileRoutes,
  ...healthRoutes,
  ...accessRoutes,
  ...gatewayRoutes,
  ...poolRoutes,
  ...delegationRoutes,
  ...offeringRoutes,
  ...suggestionRoutes,
  ...autoAcceptRoutes,
  ...contractViewRoutes,
  ...rentalRoutes,
  ...meteringRoutes,
] as const;

/** What fault scripts and listeners call a route. */
export type RouteName = (typeof ROUTES)[number]['name'];
