import {
  type Account,
  accountOf,
  type DueSample,
  type Outage,
  outagesOf,
  type Stretch,
  shareOf,
  stretches,
} from '../../health/index.ts';

const DAY_MS = 86_400_000;

export const WINDOWS = [
  { name: '24 h', ms: DAY_MS },
  { name: '7 d', ms: 7 * DAY_MS },
  { name: '30 d', ms: 30 * DAY_MS },
] as const;

export interface WindowFigures {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** In ms. */
  readonly account: Account;
  /** 0 to 1; absent where nothing is known. */
  readonly up?: number;
}

export interface Figures {
  readonly contract: string;
  readonly state: DueSample['state'] | 'unseen';
  /** Of the latest sample. */
  readonly at?: number;
  readonly latencyMs?: number;
  readonly windows: readonly WindowFigures[];
  /** Of 30 days, oldest first. */
  readonly outages: readonly Outage[];
  readonly stretches: readonly Stretch[];
}

/** What a contract's samples say at this moment. */
export function figuresOf(contract: string, samples: readonly DueSample[], now: number): Figures {
  const found = stretches(samples);
  const latest = samples.at(-1);
  const fresh = latest !== undefined && now - latest.at <= 2 * latest.intervalMs;
  return {
    contract,
    state: fresh ? latest.state : 'unseen',
    ...(latest === undefined ? {} : { at: latest.at }),
    ...(latest?.latencyMs === undefined ? {} : { latencyMs: latest.latencyMs }),
    windows: WINDOWS.map(({ name, ms }) => {
      const account = accountOf(found, now - ms, now);
      const up = shareOf(account);
      return { name, from: now - ms, to: now, account, ...(up === undefined ? {} : { up }) };
    }),
    outages: outagesOf(samples).filter(({ to }) => to === undefined || to > now - 30 * DAY_MS),
    stretches: found,
  };
}

/** Never rounded up to a perfect score. */
export function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}
