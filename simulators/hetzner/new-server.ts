import type { Cloud } from './cloud.ts';
import type { Image, Labels, Location, Server, ServerType } from './state.ts';

interface NewServer {
  readonly name: string;
  readonly type: ServerType;
  readonly location: Location;
  readonly image: Image | undefined;
  readonly labels: Labels;
  readonly userData?: string;
  readonly publicKeys?: readonly string[];
  readonly rootPassword?: string | undefined;
  readonly placementGroup?: number | undefined;
  readonly boots?: boolean;
}

/** Puts a server into the project, `initializing` and without addresses. */
export function newServer(cloud: Cloud, given: NewServer): Server {
  const { name, type, location, image, labels } = given;
  const now = cloud.clock.now();
  const server: Server = {
    id: cloud.nextId('server'),
    name,
    status: 'initializing',
    created: now,
    type,
    location,
    image,
    labels,
    userData: given.userData ?? '',
    publicKeys: given.publicKeys ?? [],
    rootPassword: given.rootPassword ?? image?.contents?.rootPassword,
    ipv4: undefined,
    ipv6: undefined,
    privateNets: [],
    placementGroup: given.placementGroup,
    protection: { delete: false, rebuild: false },
    rescue: undefined,
    inRescue: undefined,
    backups: false,
    diskGb: type.disk,
    traffic: { bytesIn: 0, bytesOut: 0, at: now, known: false, hidden: false },
    guest: { agent: true, acpi: true, boots: given.boots ?? true },
    sshReadyAt: undefined,
    startedAt: undefined,
    disk: image?.contents,
  };
  cloud.project.servers.set(server.id, server);
  return server;
}
