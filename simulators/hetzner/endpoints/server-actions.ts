import { z } from 'zod';
import { firstOf } from '../addresses.ts';
import { HetznerRefusal, notFound, type Reply } from '../api.ts';
import { type Call, type Endpoint, id } from '../call.ts';
import { isIdOrName, refuseIfBusy, serverOf } from '../cloud.ts';
import { about, quickPlan, rebootPlan, resetPlan, shutdownPlan, startPlan, stopPlan } from '../power.ts';
import { freeAddress, joinNetwork } from '../private-nets.ts';
import type { PrimaryIp, Server } from '../state.ts';
import { actionView } from '../views.ts';
import { newPassword } from './create-server.ts';
import { changeType, createImage, rebuild } from './server-disk.ts';
import { type Order, refuseUnlessOff } from './server-order.ts';

type Prepare = (call: Call, server: Server) => Order;

/** Every action waits for none: while another is at work on the server it is refused. */
function endpoint(name: string, prepare: Prepare): Endpoint {
  return {
    call: `POST /servers/{id}/actions/${name}`,
    handle(call): Reply {
      const { cloud, fate } = call;
      const server = serverOf(cloud, call.id);
      refuseIfBusy(cloud, 'server', server.id);
      const { plans, beside } = prepare(call, server);
      const [action] = cloud.actions.start(plans, fate);
      return { status: 201, body: { ...beside?.(), action: action && actionView(cloud, action) } };
    },
  };
}

const protection = z.object({ delete: z.boolean().optional(), rebuild: z.boolean().optional() });
const rescue = z.object({ type: z.literal('linux64').optional(), ssh_keys: z.array(id).nullish() });
const dnsPtr = z.object({ ip: z.string(), dns_ptr: z.string().nullable() });

export const serverActionEndpoints: readonly Endpoint[] = [
  endpoint('poweron', ({ cloud }, server) => ({ plans: [startPlan(cloud, server)] })),
  endpoint('poweroff', ({ cloud }, server) => ({ plans: [stopPlan(cloud, server)] })),
  endpoint('shutdown', ({ cloud }, server) => ({ plans: [shutdownPlan(cloud, server)] })),
  endpoint('reboot', ({ cloud }, server) => ({ plans: [rebootPlan(cloud, server)] })),
  endpoint('reset', ({ cloud }, server) => ({ plans: [resetPlan(cloud, server)] })),
  endpoint('reset_password', resetPassword),
  endpoint('rebuild', rebuild),
  endpoint('change_type', changeType),
  endpoint('create_image', createImage),
  endpoint('enable_rescue', enableRescue),
  endpoint('disable_rescue', (call, server) =>
    noted(call, server, 'disable_rescue', () => {
      server.rescue = undefined;
    }),
  ),
  endpoint('enable_backup', (call, server) =>
    noted(call, server, 'enable_backup', () => {
      server.backups = true;
    }),
  ),
  endpoint('disable_backup', (call, server) =>
    noted(call, server, 'disable_backup', () => {
      server.backups = false;
      const { images } = call.cloud.project;
      for (const image of images.values()) if (image.bound_to === server.id) images.delete(image.id);
    }),
  ),
  endpoint('change_protection', (call, server) => {
    const given = call.body(protection);
    return noted(call, server, 'change_protection', () => {
      Object.assign(server.protection, given);
    });
  }),
  endpoint('change_dns_ptr', (call, server) => {
    const given = call.body(dnsPtr);
    const ip = [server.ipv4, server.ipv6]
      .flatMap((number) => (number === undefined ? [] : [call.cloud.project.primaryIps.get(number)]))
      .find((one) => one !== undefined && holds(one, given.ip));
    if (!ip) throw notFound('IP');
    return noted(call, server, 'change_dns_ptr', () => {
      if (given.dns_ptr === null) ip.names.delete(given.ip);
      else ip.names.set(given.ip, given.dns_ptr);
    });
  }),
  endpoint('request_console', ({ cloud }, server) => {
    const password = newPassword(cloud);
    return {
      plans: [quickPlan(cloud, 'request_console', [about(server)], () => {})],
      beside: () => ({ wss_url: `wss://console.invalid/?server_id=${server.id}`, password }),
    };
  }),
  endpoint('attach_to_network', (call, server) => {
    const { network } = call.body(z.object({ network: id }));
    const ip = freeAddress(call.cloud, network);
    if (server.privateNets.some((net) => net.network === network)) {
      throw new HetznerRefusal('server_already_attached', 'server is already attached to the network');
    }
    return noted(call, server, 'attach_to_network', () => joinNetwork(server, network, ip));
  }),
  endpoint('detach_from_network', (call, server) => {
    const { network } = call.body(z.object({ network: id }));
    const at = server.privateNets.findIndex((net) => net.network === network);
    if (at < 0) throw notFound('network');
    return noted(call, server, 'detach_from_network', () => {
      server.privateNets.splice(at, 1);
    });
  }),
  endpoint('add_to_placement_group', (call, server) => {
    const group = call.body(z.object({ placement_group: id })).placement_group;
    if (!call.cloud.project.placementGroups.has(group)) throw notFound('placement group');
    if (server.placementGroup !== undefined) {
      throw new HetznerRefusal('already_in_placement_group', 'server is already part of a placement group');
    }
    refuseUnlessOff(server);
    return noted(call, server, 'add_to_placement_group', () => {
      server.placementGroup = group;
    });
  }),
  endpoint('remove_from_placement_group', (call, server) =>
    noted(call, server, 'remove_from_placement_group', () => {
      server.placementGroup = undefined;
    }),
  ),
];

function noted({ cloud }: Call, server: Server, command: string, done: () => void): Order {
  return { plans: [quickPlan(cloud, command, [about(server)], done)] };
}

/** Done by the agent inside the guest: without one the action fails, and the password in the answer is worth nothing. */
function resetPassword({ cloud }: Call, server: Server): Order {
  if (server.status !== 'running') throw new HetznerRefusal('unsupported_error', 'server must be running');
  const password = newPassword(cloud);
  return {
    plans: [
      server.guest.agent
        ? quickPlan(cloud, 'reset_password', [about(server)], () => {
            server.rootPassword = password;
            cloud.changed(server);
          })
        : { command: 'reset_password', resources: [about(server)], ms: cloud.options.timings.quickMs, fails: true },
    ],
    beside: () => ({ root_password: password }),
  };
}

function enableRescue({ cloud, body }: Call, server: Server): Order {
  const keys = (body(rescue).ssh_keys ?? []).map((wanted) => {
    const key = [...cloud.project.sshKeys.values()].find((one) => isIdOrName(one, wanted));
    if (!key) throw notFound('SSH key');
    return key.publicKey;
  });
  return {
    plans: [
      quickPlan(cloud, 'enable_rescue', [about(server)], () => {
        server.rescue = { enabledAt: cloud.clock.now(), keys };
      }),
    ],
    beside: () => ({ root_password: newPassword(cloud) }),
  };
}

function holds(ip: PrimaryIp, address: string): boolean {
  return ip.type === 'ipv4' ? ip.ip === address : address.startsWith(firstOf(ip).slice(0, -1));
}
