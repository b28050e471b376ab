import { parentPort, workerData } from 'node:worker_threads';
import { abortLightly } from './light-abort.ts';
import { tell } from './story.ts';
import { play } from './tell.ts';

abortLightly();

/** A worker thread's side of the crew: a seed comes in, what came of its story goes out. */
parentPort?.on('message', (seed: number) => {
  void play(tell(seed), workerData).then(({ coverage, ...rest }) =>
    parentPort?.postMessage({ seed, ...rest, coverage: [...coverage] }),
  );
});
