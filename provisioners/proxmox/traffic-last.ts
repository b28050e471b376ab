import type { TrafficSample } from '../../src/provisioner/index.ts';

/** Counters read just before a machine was switched off, which sets them to 0: kept until somebody asks. */
export interface LastSamples {
  keep(sample: TrafficSample): void;
  /** Every sample once, in the order in which they were read. */
  take(): TrafficSample[];
}

export function createLastSamples(): LastSamples {
  let samples: TrafficSample[] = [];
  return {
    keep(sample) {
      const before = samples.findLast(({ contract }) => contract === sample.contract);
      // Read twice in one run, when an answer was lost: the later one counts. A smaller one is of another run.
      const sameRun = before !== undefined && sample.bytesIn >= before.bytesIn && sample.bytesOut >= before.bytesOut;
      samples = [...samples.filter((each) => !sameRun || each !== before), sample];
    },
    take() {
      const all = samples;
      samples = [];
      return all;
    },
  };
}
