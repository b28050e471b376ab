export type Unit = 'ms' | 'us' | 's' | 'MB' | 'kB' | '%' | '/min' | '/s' | 'calls' | 'x';

/** One measured number. It means something only beside another one, taken in the same run. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: Unit;
  /** The ideal, or a baseline, in the same unit. */
  readonly against?: { readonly what: string; readonly value: number };
  /** What is promised of the value, or of its ratio to what it is held against. */
  readonly promise?: { readonly of: 'value' | 'ratio'; readonly atMost: number };
}

export interface Curve {
  /** Also the name of its picture. */
  readonly name: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly scale: 'log' | 'linear';
  readonly series: readonly { readonly name: string; readonly points: readonly (readonly [number, number])[] }[];
}

export interface Findings {
  readonly figures: readonly Figure[];
  readonly curves?: readonly Curve[];
  /** What a reader must know to read the figures right. */
  readonly notes?: readonly string[];
}

export interface Scope {
  /** Fewer samples: figures to look at while working, not to publish. */
  readonly quick: boolean;
  /** The shipped program, built from these sources. */
  readonly program: () => Promise<string>;
  readonly progress: (text: string) => void;
}

export interface Bench {
  readonly name: string;
  /** What it measures, in one sentence. */
  readonly about: string;
  readonly run: (scope: Scope) => Promise<Findings>;
}

export function ratioOf({ value, against }: Figure): number | undefined {
  return against === undefined || against.value === 0 ? undefined : value / against.value;
}

/** Undefined where nothing is promised. */
export function isKept(figure: Figure): boolean | undefined {
  const { promise } = figure;
  if (promise === undefined) return undefined;
  const measured = promise.of === 'value' ? figure.value : ratioOf(figure);
  return measured !== undefined && measured <= promise.atMost;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
