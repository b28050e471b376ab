import { readdir, readFile } from 'node:fs/promises';

/** Processor time of a process so far, ms: all its threads, to the nanosecond, as the scheduler counts it. Linux only. */
export async function processorMs(pid: number): Promise<number> {
  const tasks = `/proc/${pid}/task`;
  let total = 0;
  for (const task of await readdir(tasks)) {
    const [running = '0'] = (await readFile(`${tasks}/${task}/schedstat`, 'utf8')).split(' ');
    total += Number(running);
  }
  return total / 1e6;
}

/** Resident memory of a process, MB. Linux only. */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6;
}
