import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import type { Settings, TargetPlace } from './config-text.ts';
import { configText, setupPlanOf } from './configure.ts';
import type { SetupOptions } from './options.ts';
import type { Present } from './present.ts';
import { type Registration, register } from './register.ts';
import type { Standing } from './standing.ts';
import type { PreparedFile } from './store.ts';

/** A backend that is ready, and what is left to do: spend the setup token, and write the configuration. */
export interface Conclusion {
  readonly options: SetupOptions;
  readonly place: TargetPlace;
  readonly settings: Settings;
  readonly present: Present | undefined;
  readonly standing: Standing;
  /** What the operator is told when the registration fails, about what was made before. */
  readonly stays: readonly string[];
}

/** Stands for the provider's key until it is known. */
const STAND_IN = '0'.repeat(64);

/** The whole file as it would be without a registration: for looking at it, and for proving that there is room for it. */
export function draftText(given: Omit<Conclusion, 'stays'>): string {
  return textFor(given, STAND_IN);
}

/** Registers where that was not done before, and writes the configuration. From here on nothing is taken back. */
export async function conclude(given: Conclusion, file: PreparedFile, io: Io): Promise<void> {
  const { options, place, present, standing } = given;
  const registration = standing.registered ? undefined : await registerNow(given, io);
  const providerPubkey = registration?.providerPubkey ?? present?.config.api.providerPubkey ?? STAND_IN;
  const text = textFor(given, providerPubkey, registration?.poolId);
  report(given, registration, io);
  if (text === present?.text) return io.out(`${options.output} is as it should be.`);
  try {
    const { backup } = await file.commit(text);
    io.out(`Wrote ${options.output} (mode 0600).`);
    if (backup !== undefined) io.out(`The file that was there is now ${backup}.`);
  } catch (cause) {
    const command = registration === undefined ? '' : ` --provider-pubkey ${providerPubkey}`;
    throw new Failure({
      what: `${options.output} could not be written${registration === undefined ? '' : `, and this host is registered (provider ${providerPubkey})`}`,
      next: 'Make room or correct the rights, then finish; no setup token is needed any more:',
      command: `dc-agent ${place.command}${command}, with the options of this call`,
      cause,
    });
  }
}

function textFor(
  { options, place, settings, present, standing }: Omit<Conclusion, 'stays'>,
  providerPubkey: string,
  poolId?: string,
): string {
  const identity = { providerPubkey, keyFile: standing.keyFile, ...(poolId === undefined ? {} : { poolId }) };
  return configText(options, place, settings, identity, present) ?? present?.text ?? '';
}

async function registerNow({ options, place, settings, standing, stays }: Conclusion, io: Io): Promise<Registration> {
  io.err('Registering this host');
  try {
    return await register(setupPlanOf(options, place, settings), standing.key, standing.link);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure({ ...error.parts, details: [...(error.parts.details ?? []), ...stays] });
  }
}

function report({ present, place }: Conclusion, registration: Registration | undefined, io: Io): void {
  if (registration === undefined) {
    return io.out(
      `This host is registered already with provider ${present?.config.api.providerPubkey ?? ''}; no token was used.`,
    );
  }
  const { poolName, poolId, poolLocation, provisionerType, providerPubkey } = registration;
  const pool = [poolName, poolId, poolLocation].filter((part) => part !== undefined && part !== '').join(', ');
  io.out(`Registered with provider ${providerPubkey}${pool === '' ? '' : `, pool ${pool}`}.`);
  if (provisionerType !== undefined && provisionerType !== place.type && provisionerType !== place.name) {
    io.err(`warning: the pool is for ${provisionerType}; offerings of another type than ${place.type} are left alone.`);
  }
}
