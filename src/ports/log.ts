/**
 * What every room logs through. The message is a constant string; what varies goes into fields,
 * so that logs can be searched and redacted. pino satisfies this; tests hand in a recorder.
 */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** Swallows everything; for code paths and tests in which nobody reads. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
