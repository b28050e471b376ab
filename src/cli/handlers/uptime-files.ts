import { readFile, writeFile } from 'node:fs/promises';
import {
  compare,
  exported,
  readText,
  samplesOf,
  settleLog,
  usageEvents,
  type Verdict,
  verify,
} from '../../health/index.ts';
import { createAttestor, isSignedBy } from '../../identity/attest.ts';
import { systemDisk } from '../../ports/system-disk.ts';
import { type Args, flag, type Handler, text } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import { readAgentKey } from '../platform.ts';
import { pickLogged, uptimeLogs } from '../uptime/logs.ts';
import { renderVerdict, verdictJson } from '../uptime/verdict.ts';

export const exportUptime: Handler = async (args, io) => {
  const config = await readConfig(args, io);
  const logs = await uptimeLogs(config.agent.stateDir);
  const contract = pickLogged(args.operands[0] ?? '', logs);
  const attestor = createAttestor((await readAgentKey(config)).secret);
  await settleLog(systemDisk, logs.directory, contract);
  const outcome = exported(await readText(systemDisk, logs.directory, contract), attestor, Date.now());
  if ('refused' in outcome) {
    throw new Failure({
      what: `the uptime log of contract ${contract} is damaged, and is not signed over`,
      details: [outcome.refused],
      next: `The files in ${logs.directory} are as they were found; see docs/uptime.md.`,
    });
  }
  const out = text(args, 'out');
  if (out === undefined) io.out(outcome.file.trimEnd());
  else {
    await writeFile(out, outcome.file);
    io.err(`Written to ${out}. Whoever checks it needs the agent’s public key: ${attestor.agent}`);
  }
  return EXIT.ok;
};

export const verifyUptime: Handler = async (args, io) => {
  const agentKey = text(args, 'agentKey')?.toLowerCase();
  if (agentKey !== undefined && !/^[0-9a-f]{64}$/.test(agentKey))
    throw new Failure({ what: '--agent-key takes 64 hexadecimal digits', exit: EXIT.usage });
  const verdict = verify(await read(args.operands[0] ?? ''), isSignedBy, agentKey);
  const flaws = [...verdict.flaws];
  const other = text(args, 'against');
  if (other !== undefined) flaws.push(...held(verdict, verify(await read(other), isSignedBy, agentKey), other));
  const judged = { ...verdict, flaws };
  io.out(flag(args, 'json') ? verdictJson(judged) : renderVerdict(judged, agentKey !== undefined, io.colors));
  if (flaws.length > 0) return EXIT.failed;
  return verdict.gaps.length > 0 ? EXIT.incomplete : EXIT.ok;
};

export const usage: Handler = async (args, io) => {
  const logs = await uptimeLogs((await readConfig(args, io)).agent.stateDir);
  const contract = pickLogged(args.operands[0] ?? '', logs);
  const samples = samplesOf(await readText(systemDisk, logs.directory, contract));
  const events = usageEvents(contract, samples, time(args, 'since') ?? 0, time(args, 'until') ?? Date.now());
  if (events.length > 0) io.out(events.map((event) => JSON.stringify(event)).join('\n'));
  io.err(`${events.length} events. They are not sent: the platform takes them with the provider key only.`);
  return EXIT.ok;
};

/** A file that is itself broken proves nothing about another one. */
function held(verdict: Verdict, other: Verdict, path: string): Verdict['flaws'] {
  if (other.flaws.length > 0)
    throw new Failure({ what: `${path} does not hold itself`, details: other.flaws.map((flaw) => flaw.text) });
  return compare(verdict, other);
}

async function read(path: string): Promise<string> {
  try {
    // Byte for byte: a byte that is no text must not become one that is.
    return await readFile(path, 'latin1');
  } catch (cause) {
    throw new Failure({ what: `${path} cannot be read`, cause });
  }
}

function time(args: Args, name: string): number | undefined {
  const given = text(args, name);
  if (given === undefined) return undefined;
  const at = Date.parse(given);
  if (Number.isFinite(at)) return at;
  throw new Failure({ what: `--${name} takes a time such as 2026-03-01T00:00:00Z, not '${given}'`, exit: EXIT.usage });
}
