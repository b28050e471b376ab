import { type CallContext, type Finding, isProvisionerError } from '../../src/provisioner/index.ts';
import type { Engine } from './engine.ts';
import type { EngineFacts } from './facts.ts';
import { networkName } from './network.ts';
import { type DockerSettings, publicAddress } from './schema.ts';
import type { EngineInfo } from './wire.ts';

/** Everything that can be known without changing anything. A target whose engine does not answer has one finding only. */
export async function checkTarget(
  engine: Engine,
  settings: DockerSettings,
  facts: EngineFacts,
  ctx: CallContext,
): Promise<Finding[]> {
  let info: EngineInfo;
  try {
    info = await engine.info(ctx.signal);
  } catch (error) {
    if (!isProvisionerError(error)) throw error;
    return [{ level: 'fail', code: 'docker.engine.unreachable', title: error.message, remedy: REACH }];
  }
  await facts.learn(info);
  const findings: (Finding | undefined)[] = [
    {
      level: 'pass',
      code: 'docker.engine.reachable',
      title: `Docker Engine ${info.ServerVersion ?? 'of unknown version'} answers: ${info.NCPU} cores, ${mib(info)} MiB, ${info.Driver}`,
    },
    ...limits(info),
    runtime(info, settings),
    ...(await images(engine, settings, ctx)),
    await network(engine, settings, ctx),
    forwarding(info),
    address(settings),
    disk(settings, facts),
  ];
  return findings.filter((finding) => finding !== undefined);
}

const REACH = 'Start the engine, correct socket_path, or let the agent into the group of the socket (usually docker).';

function mib(info: EngineInfo): number {
  return Math.floor(info.MemTotal / 1024 ** 2);
}

function limits(info: EngineInfo): Finding[] {
  const broken = [
    info.MemoryLimit === false ? 'memory' : '',
    info.CpuCfsQuota === false ? 'processor time' : '',
    info.PidsLimit === false ? 'processes' : '',
  ].filter((name) => name !== '');
  const security = info.SecurityOptions ?? [];
  return [
    broken.length === 0
      ? { level: 'pass', code: 'docker.limits.ok', title: 'Memory, processor and process limits are enforced' }
      : {
          level: 'fail',
          code: 'docker.limits.missing',
          title: `The engine cannot limit a machine's ${broken.join(' and ')}`,
          remedy: 'Turn on the missing cgroup controllers in the kernel command line.',
        },
    security.some((option) => option.includes('seccomp'))
      ? { level: 'pass', code: 'docker.seccomp.ok', title: 'The engine filters system calls' }
      : {
          level: 'warn',
          code: 'docker.seccomp.missing',
          title: 'The engine does not filter system calls: machines are less isolated',
          remedy: 'Use an engine and a kernel with seccomp.',
        },
  ];
}

function runtime(info: EngineInfo, { runtime: name }: DockerSettings): Finding | undefined {
  if (name === undefined) return undefined;
  return Object.hasOwn(info.Runtimes ?? {}, name)
    ? { level: 'pass', code: 'docker.runtime.ok', title: `The engine has the runtime ${name}` }
    : {
        level: 'fail',
        code: 'docker.runtime.missing',
        title: `The engine has no runtime ${name}`,
        remedy: `Register ${name} in the engine's daemon.json, or remove 'runtime'.`,
      };
}

async function images(engine: Engine, settings: DockerSettings, ctx: CallContext): Promise<Finding[]> {
  const names = [...new Set([settings.default_image, ...settings.allowed_images])];
  return Promise.all(
    names.map(async (name): Promise<Finding> => {
      const image = await engine.inspectImage(name, ctx.signal);
      if (image !== undefined)
        return { level: 'pass', code: 'docker.image.present', title: `Image ${name} is on the engine` };
      return {
        level: settings.pull === 'never' ? 'fail' : 'warn',
        code: 'docker.image.missing',
        title: `Image ${name} is not on the engine${settings.pull === 'never' ? '' : ', the first machine waits for its download'}`,
        remedy: 'Pull it, or build the default image with scripts/build-ssh-image.',
      };
    }),
  );
}

async function network(engine: Engine, settings: DockerSettings, ctx: CallContext): Promise<Finding> {
  const name = networkName(settings);
  const found = await engine.inspectNetwork(name, ctx.signal);
  if (settings.network === undefined && settings.network_isolation) {
    return {
      level: 'pass',
      code: 'docker.network.ok',
      title: `Network ${name} ${found === undefined ? 'will be made with the first machine' : 'is there'}`,
    };
  }
  if (found === undefined && settings.network !== undefined) {
    return {
      level: 'fail',
      code: 'docker.network.missing',
      title: `The engine has no network ${name}`,
      remedy: "Make it, or remove 'network' to let the plugin make its own.",
    };
  }
  const icc = found?.Options['com.docker.network.bridge.enable_icc'];
  if (icc === 'false')
    return { level: 'pass', code: 'docker.network.ok', title: `Network ${name} keeps machines apart` };
  return {
    level: 'warn',
    code: 'docker.network.open',
    title: `Machines on network ${name} can reach each other`,
    remedy: "Remove 'network' and 'network_isolation' to use the plugin's own, where they cannot.",
  };
}

function forwarding(info: EngineInfo): Finding | undefined {
  if (info.IPv4Forwarding !== false) return undefined;
  return {
    level: 'warn',
    code: 'docker.network.no-forwarding',
    title: 'Machines reach nothing outside this host: IPv4 forwarding is off',
    remedy: 'Let the engine manage forwarding and the firewall (its standard), or turn net.ipv4.ip_forward on.',
  };
}

function address(settings: DockerSettings): Finding {
  const host = publicAddress(settings);
  if (host !== '127.0.0.1' && host !== '::1') {
    return { level: 'pass', code: 'docker.address.ok', title: `Tenants are told to connect to ${host}` };
  }
  return {
    level: 'warn',
    code: 'docker.address.loopback',
    title: `Tenants are told to connect to ${host}, which only this host can do`,
    remedy: "Set 'public_address' to the address or name under which this host is reached.",
  };
}

function disk(settings: DockerSettings, facts: EngineFacts): Finding {
  const why = settings.disk_limit === 'off' ? "disk_limit is 'off'" : facts.noDiskLimit;
  if (why === undefined)
    return { level: 'pass', code: 'docker.disk.limited', title: "The size of machines' disks is enforced" };
  return {
    level: settings.disk_limit === 'require' ? 'fail' : 'warn',
    code: 'docker.disk.unlimited',
    title: `The size of machines' disks is not enforced: ${why}`,
    remedy: "Put Docker's data on XFS mounted with pquota, or on btrfs or ZFS, or sell no disk size.",
  };
}
