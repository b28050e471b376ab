export { LEDGER_VERSION, LedgerVersionError } from './format.ts';
export { Ledger, LedgerLockedError, type LedgerOptions, openLedger } from './ledger.ts';
export { type Replay, replay as readLedger } from './replay.ts';
