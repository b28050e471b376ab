import { z } from 'zod';
import { HetznerRefusal, invalid, notFound } from '../api.ts';
import { type Call, idOrName } from '../call.ts';
import { isIdOrName, refuseAboveLimit } from '../cloud.ts';
import { diskOf } from '../guest.ts';
import { labels } from '../labels.ts';
import { about, become, switchOff, switchOn } from '../power.ts';
import type { Image, Server } from '../state.ts';
import { imageView, isRetired } from '../views.ts';
import { newPassword, userData } from './create-server.ts';
import { type Order, refuseUnlessOff } from './server-order.ts';

const rebuildOrder = z.object({ image: idOrName, user_data: userData.nullish() });

/** Overwrites the disk. User data that is not given anew is used again, secrets and all. */
export function rebuild({ cloud, body }: Call, server: Server): Order {
  if (server.protection.rebuild) throw new HetznerRefusal('protected', 'server is protected from rebuild');
  const given = body(rebuildOrder);
  const image = [...cloud.project.images.values()].find(
    (one) => isIdOrName(one, given.image) && one.architecture === server.type.architecture,
  );
  if (!image) throw notFound('image');
  if (image.disk_size > server.diskGb) throw invalid('image', 'image disk is bigger than server disk');
  const password = server.publicKeys.length > 0 ? undefined : newPassword(cloud);
  return {
    plans: [
      {
        command: 'rebuild_server',
        resources: [about(server), { id: image.id, type: 'image' }],
        ms: cloud.options.timings.rebuildMs,
        begin() {
          switchOff(cloud, server);
          become(cloud, server, 'rebuilding');
        },
        done() {
          server.image = image;
          server.disk = image.contents;
          server.rootPassword = password;
          if (typeof given.user_data === 'string') server.userData = given.user_data;
          delete server.hostKey;
          switchOn(cloud, server);
        },
        failed: () => switchOff(cloud, server),
      },
    ],
    beside: () => ({ root_password: password ?? null }),
  };
}

const typeOrder = z.object({ server_type: idOrName, upgrade_disk: z.boolean() });

/** Copies the disk to a bigger machine and starts it there. A disk that grew never shrinks again. */
export function changeType({ cloud, body }: Call, server: Server): Order {
  const given = body(typeOrder);
  const type = cloud.types.find((one) => isIdOrName(one, given.server_type));
  if (!type) throw notFound('server type');
  refuseUnlessOff(server);
  if (isRetired(cloud, type) || type.architecture !== server.type.architecture || type.disk < server.diskGb) {
    throw new HetznerRefusal('invalid_server_type', `server type ${type.name} does not fit`);
  }
  if (cloud.stockOf(type, server.location.name) !== 'in-stock') {
    throw new HetznerRefusal('resource_unavailable', 'error during placement');
  }
  return {
    plans: [
      {
        command: 'change_server_type',
        resources: [about(server)],
        ms: cloud.options.timings.changeTypeMs,
        begin: () => become(cloud, server, 'migrating'),
        done() {
          server.type = type;
          if (given.upgrade_disk) server.diskGb = type.disk;
          switchOn(cloud, server);
        },
        failed: () => switchOff(cloud, server),
      },
    ],
  };
}

const imageOrder = z.object({
  type: z.enum(['snapshot', 'backup']).default('snapshot'),
  description: z.string().nullish(),
  labels: labels.nullish(),
});

/** A snapshot has no name and outlives its server; a backup dies with it. */
export function createImage({ cloud, body }: Call, server: Server): Order {
  const given = body(imageOrder);
  const { images } = cloud.project;
  if (given.type === 'backup' && !server.backups) throw invalid('type', 'backups are not enabled for this server');
  const own = [...images.values()].filter(({ type }) => type === 'snapshot').length;
  if (given.type === 'snapshot') refuseAboveLimit(own, cloud.limits.snapshots, 'snapshot', 'snapshot_limit');
  const image: Image = {
    id: cloud.nextId('image'),
    type: given.type,
    status: 'creating',
    name: null,
    description: given.description ?? `snapshot of ${server.name}`,
    image_size: null,
    disk_size: server.diskGb,
    created: cloud.clock.now(),
    created_from: { id: server.id, name: server.name },
    bound_to: given.type === 'backup' ? server.id : null,
    os_flavor: server.image?.os_flavor ?? 'unknown',
    os_version: server.image?.os_version ?? null,
    rapid_deploy: false,
    protection: { delete: false },
    deprecated: null,
    labels: given.labels ?? {},
    architecture: server.type.architecture,
    contents: diskOf(server),
  };
  images.set(image.id, image);
  return {
    plans: [
      {
        command: 'create_image',
        resources: [about(server), { id: image.id, type: 'image' }],
        ms: cloud.options.timings.imageMs,
        done() {
          image.status = 'available';
          image.image_size = Math.max(1, server.diskGb / 10);
        },
        failed: () => void images.delete(image.id),
      },
    ],
    beside: () => ({ image: imageView(image) }),
  };
}
