import { type Args, flag, text, texts } from '../../command.ts';

/** What the operator asked for; everything absent is chosen, or is as the configuration already says. */
export interface GatewayWish {
  readonly publicIp?: string;
  readonly dcId?: string;
  readonly tenantNetwork?: string;
  readonly bridges: readonly string[];
  readonly web: boolean;
  readonly certificates?: string;
  readonly files?: string;
  readonly force: boolean;
  readonly dryRun: boolean;
}

export function readWish(args: Args): GatewayWish {
  const given = (key: 'publicIp' | 'dcId' | 'tenantNetwork' | 'certificates' | 'files'): object => {
    const value = text(args, key);
    return value === undefined ? {} : { [key]: value };
  };
  return {
    ...given('publicIp'),
    ...given('dcId'),
    ...given('tenantNetwork'),
    ...given('certificates'),
    ...given('files'),
    bridges: texts(args, 'bridge'),
    web: args.options['web'] !== false,
    force: flag(args, 'force'),
    dryRun: flag(args, 'dryRun'),
  };
}
