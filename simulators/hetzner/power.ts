import type { Plan } from './actions.ts';
import type { Cloud } from './cloud.ts';
import type { Resource, Server } from './state.ts';
import { countTraffic } from './traffic.ts';

/** Unused rescue systems are given up after an hour. */
const RESCUE_MS = 3_600_000;

export function about(server: Server): Resource {
  return { id: server.id, type: 'server' };
}

/** Something that only has to be noted down, and then is. */
export function quickPlan(cloud: Cloud, command: string, resources: readonly Resource[], done: () => void): Plan {
  return { command, resources, ms: cloud.options.timings.quickMs, done };
}

/** Powers on. Shows `off` at first: also when all goes well, as a new server does between `initializing` and `running`. */
export function startPlan(cloud: Cloud, server: Server): Plan {
  const ms = cloud.options.timings.startMs;
  return {
    command: 'start_server',
    resources: [about(server)],
    ms,
    begin() {
      if (server.status === 'running') return;
      cloud.later(ms / 3, () => {
        const waiting = server.status === 'off' && cloud.actions.busy('server', server.id);
        if (waiting) become(cloud, server, 'starting');
      });
    },
    done: () => switchOn(cloud, server),
    failed: () => switchOff(cloud, server),
  };
}

export function stopPlan(cloud: Cloud, server: Server): Plan {
  return {
    command: 'stop_server',
    resources: [about(server)],
    ms: cloud.options.timings.stopMs,
    begin: () => {
      if (server.status === 'running') become(cloud, server, 'stopping');
    },
    done: () => switchOff(cloud, server),
  };
}

/** Sends the ACPI signal, no more: the action is over at once, and the guest goes down later, or never. */
export function shutdownPlan(cloud: Cloud, server: Server): Plan {
  return quickPlan(cloud, 'shutdown_server', [about(server)], () =>
    whenHeeded(cloud, server, () => switchOff(cloud, server)),
  );
}

export function rebootPlan(cloud: Cloud, server: Server): Plan {
  return quickPlan(cloud, 'reboot_server', [about(server)], () =>
    whenHeeded(cloud, server, () => {
      switchOff(cloud, server);
      switchOn(cloud, server);
    }),
  );
}

export function resetPlan(cloud: Cloud, server: Server): Plan {
  return {
    command: 'reset_server',
    resources: [about(server)],
    ms: cloud.options.timings.stopMs,
    done: () => {
      switchOff(cloud, server);
      switchOn(cloud, server);
    },
  };
}

/** Does nothing when it runs already, or when it is one of those that never boot. */
export function switchOn(cloud: Cloud, server: Server): void {
  if (server.status === 'running' || !isThere(cloud, server)) return;
  if (!server.guest.boots) return become(cloud, server, 'off');
  const now = cloud.clock.monotonic();
  countTraffic(cloud, server);
  server.startedAt = now;
  server.sshReadyAt = now + cloud.options.timings.bootMs;
  const { rescue } = server;
  server.inRescue = rescue && cloud.clock.now() - rescue.enabledAt < RESCUE_MS ? rescue.keys : undefined;
  server.rescue = undefined;
  become(cloud, server, 'running');
}

export function switchOff(cloud: Cloud, server: Server): void {
  if (!isThere(cloud, server)) return;
  countTraffic(cloud, server);
  server.startedAt = undefined;
  server.sshReadyAt = undefined;
  become(cloud, server, 'off');
}

export function become(cloud: Cloud, server: Server, status: Server['status']): void {
  server.status = status;
  cloud.changed(server);
}

export function rescueEnabled(cloud: Cloud, { rescue }: Server): boolean {
  return rescue !== undefined && cloud.clock.now() - rescue.enabledAt < RESCUE_MS;
}

function whenHeeded(cloud: Cloud, server: Server, then: () => void): void {
  const { startedAt } = server;
  if (startedAt === undefined) return;
  cloud.later(cloud.options.timings.guestShutdownMs, () => {
    // A guest that was stopped or restarted meanwhile has forgotten the signal.
    if (isThere(cloud, server) && server.guest.acpi && server.startedAt === startedAt) then();
  });
}

function isThere(cloud: Cloud, server: Server): boolean {
  return cloud.project.servers.get(server.id) === server;
}
