import type { Plan } from '../actions.ts';
import { HetznerRefusal } from '../api.ts';
import type { Server } from '../state.ts';

/** What one action does to its server, and what its answer holds beside the action. */
export interface Order {
  readonly plans: readonly Plan[];
  readonly beside?: () => object;
}

export function refuseUnlessOff(server: Server): void {
  if (server.status === 'off') return;
  throw new HetznerRefusal('server_not_stopped', 'the server is running, but needs to be powered off');
}
