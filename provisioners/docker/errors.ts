import { type ErrorKind, ProvisionerError } from '../../src/provisioner/index.ts';

/** An answer of the engine that the caller did not expect. */
export interface Refusal {
  readonly doing: string;
  readonly status: number;
  readonly message: string;
}

/**
 * The engine's refusal as one of our kinds. The engine tells causes apart in prose only; the words are those of Docker 20.10 to 29,
 * the first pattern that fits wins, and what none fits is retried, since an answer means that nothing is in the dark.
 */
export function refused({ doing, status, message }: Refusal): ProvisionerError {
  const rule = RULES.find((r) => (r.status === undefined || r.status(status)) && r.words.test(message));
  const kind = rule?.kind ?? kindOfStatus(status);
  const text = `Docker refused to ${doing}: ${status} ${oneLine(message)}`;
  return new ProvisionerError(
    kind,
    rule?.remedy === undefined ? text : `${text} (${rule.remedy})`,
    rule?.publicText === undefined ? {} : { publicText: rule.publicText },
  );
}

/** True when a start failed only because somebody else has the host port. */
export function isPortTaken(refusal: Refusal): boolean {
  return (
    refusal.status === 500 &&
    /port is already allocated|address already in use|failed to bind (?:host )?port|ports are not available/i.test(
      refusal.message,
    )
  );
}

/** True when the network was removed since the container was made. */
export function isNetworkMissing({ status, message }: Refusal): boolean {
  return status === 404 && /network .* not found|no such network/i.test(message);
}

/** True when the storage driver cannot limit a disk, whatever it looked like before. */
export function isDiskLimitRefused(refusal: Refusal): boolean {
  return /storage-opt|storage opt|size quota|Quota not supported|StorageOpt/i.test(refusal.message);
}

/** The only form in which the engine says that a container does not exist. A 404 with other words is about something else. */
export function saysAbsent(status: number, message: string): boolean {
  return status === 404 && /^No such container: /i.test(message);
}

interface Rule {
  readonly status?: (status: number) => boolean;
  readonly words: RegExp;
  readonly kind: ErrorKind;
  readonly remedy?: string;
  readonly publicText?: string;
}

const RULES: readonly Rule[] = [
  { words: /toomanyrequests|too many requests|rate limit/i, kind: 'throttled' },
  {
    words: /no space left on device|disk quota exceeded/i,
    kind: 'capacity',
    remedy: "free space under Docker's data root",
  },
  { words: /no available (?:IPv4|IPv6) addresses|could not find an available|address pool/i, kind: 'capacity' },
  { words: /cannot allocate memory|resource temporarily unavailable/i, kind: 'capacity' },
  {
    words: /range of cpus is from/i,
    kind: 'permanent',
    publicText: 'This machine has more processor cores than any host here.',
  },
  { words: /minimum memory limit/i, kind: 'permanent', publicText: 'This machine has too little memory to start.' },
  {
    words: /storage-opt|storage opt|Quota not supported/i,
    kind: 'config',
    remedy: "set disk_limit to 'auto' or 'off'",
  },
  { words: /unknown (?:or invalid )?runtime|unknown runtime specified/i, kind: 'config', remedy: "correct 'runtime'" },
  { words: /network .* not found|no such network/i, kind: 'config', remedy: "correct 'network'" },
  { words: /docker-init/, kind: 'config', remedy: "install the engine's docker-init (Debian: tini)" },
  {
    words: /executable file not found|exec: ".*": (?:stat|permission denied|no such file)|exec format error/i,
    kind: 'config',
    remedy: "the image cannot start; see 'start_sshd'",
  },
  {
    words:
      /no such image|pull access denied|manifest unknown|manifest for .* not found|repository .* (?:not found|does not exist)|no basic auth|unauthorized|no matching manifest|invalid reference/i,
    kind: 'config',
    remedy: 'correct the image name, or pull or build it by hand',
  },
];

function kindOfStatus(status: number): ErrorKind {
  if (status === 400) return 'permanent';
  if (status === 401 || status === 403) return 'config';
  if (status === 429) return 'throttled';
  return 'retry';
}

/** Foreign text for a log line: no line breaks, no control characters, not endless. */
export function oneLine(text: string): string {
  const clean = text.replace(/\p{Cc}+/gu, ' ').trim();
  return clean.length > 400 ? `${clean.slice(0, 400)}…` : clean;
}
