import { chmod, rename, rm, stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';

/** Linux: sun_path holds 108 bytes with the closing zero; `.` and the process id are appended while binding. */
const MAX_PATH_BYTES = 99;

/**
 * Puts a server on a unix socket with mode 0660 and returns how to take it away again.
 * The socket is made beside its place and renamed over it: nobody ever sees it with other modes, and the file that a killed
 * agent left behind is replaced in the same step. A socket on which somebody still answers is not taken.
 */
export async function bindSocket(server: Server, path: string): Promise<() => Promise<void>> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new Error(
      `The socket path ${path} is longer than ${MAX_PATH_BYTES} bytes, which the system does not take. Choose a shorter state_dir.`,
    );
  }
  if (await answers(path)) throw new Error(`Another agent already answers on ${path}.`);
  // Named after this process: closing a server unlinks the path that it was bound to, which must never be a successor's.
  const birth = `${path}.${process.pid}`;
  await rm(birth, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(birth, () => {
      server.off('error', reject);
      resolve();
    });
  });
  try {
    await chmod(birth, 0o660);
    await rename(birth, path);
  } catch (error) {
    server.close();
    throw error;
  }
  const ours = (await stat(path)).ino;
  return async () => {
    await new Promise<void>((resolve) => server.close(() => resolve()));
    // Only our own: a successor may have put its socket there while we were shutting down.
    const present = await stat(path).catch(() => undefined);
    if (present?.ino === ours) await rm(path, { force: true });
  };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (result: boolean) => () => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', done(true));
    // Absent (ENOENT) and left behind by a dead process (ECONNREFUSED) alike: nobody is there.
    socket.once('error', done(false));
  });
}
