import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { answerOf } from './call-answer.ts';
import { PveProblem } from './errors.ts';
import * as wire from './wire.ts';
import * as access from './wire-access.ts';
import * as agent from './wire-agent.ts';
import * as storage from './wire-storage.ts';
import * as tasks from './wire-tasks.ts';

const specs = process.env['DC_SPECS_DIR'];
const directory = specs ?? join(import.meta.dirname, '../../../shared/specs');
const present = existsSync(join(directory, 'pve-transcripts-9.1.7.json'));
if (!present && specs !== undefined) throw new Error('there are no recordings, although DC_SPECS_DIR promises them');

const entry = z.object({
  method: z.enum(['GET', 'POST', 'PUT', 'DELETE']),
  path: z.string(),
  status: z.number(),
  statusText: z.string(),
  contentType: z.string().nullish(),
  response: z.unknown(),
});
type Entry = z.infer<typeof entry>;

/** What each of our calls reads, by the first pattern that fits. */
const ANSWERS: readonly (readonly [RegExp, z.ZodType])[] = [
  [/^GET \/version$/, wire.version],
  [/^GET \/nodes$/, z.array(wire.node)],
  [/^GET \/nodes\/[^/]+\/status$/, wire.nodeStatus],
  [/^GET \/cluster\/resources\?type=vm/, z.array(wire.vmRow)],
  [/^GET \/nodes\/[^/]+\/qemu$/, z.array(wire.vmOnNode)],
  [/^GET \/cluster\/status/, z.array(wire.clusterMember)],
  [/^GET \/cluster\/nextid/, wire.nextId],
  [/^GET \/nodes\/[^/]+\/network(?:\?|$)/, z.array(wire.bridge)],
  [/^GET \/nodes\/[^/]+\/hardware\/pci/, z.array(wire.pciDevice)],
  [/^GET \/nodes\/[^/]+\/certificates\/info/, z.array(wire.certificate)],
  [/^GET \/nodes\/[^/]+\/qemu\/\d+\/config/, wire.vmConfig],
  [/^GET \/nodes\/[^/]+\/qemu\/\d+\/status\/current/, wire.vmStatus],
  [/^GET \/nodes\/[^/]+\/qemu\/\d+\/agent\/network-get-interfaces/, agent.interfaces],
  [/^GET \/nodes\/[^/]+\/qemu\/\d+\/agent\/get-osinfo/, agent.osInfo],
  [/^GET \/nodes\/[^/]+\/qemu\/\d+\/agent\/exec-status/, agent.execStatus],
  [/^GET \/nodes\/[^/]+\/qemu\/\d+\/agent\/file-read/, agent.fileRead],
  [/^POST \/nodes\/[^/]+\/qemu\/\d+\/agent\/exec$/, agent.execStarted],
  [/^GET \/nodes\/[^/]+\/storage$/, z.array(storage.nodeStorage)],
  [/^GET \/storage\/[^/]+$/, storage.storageDefinition],
  [/^GET \/nodes\/[^/]+\/storage\/[^/]+\/content(?:\?|$)/, z.array(storage.volume)],
  [/^GET \/nodes\/[^/]+\/query-url-metadata/, storage.urlMetadata],
  [/^GET \/nodes\/[^/]+\/tasks(?:\?|$)/, z.array(tasks.taskRow)],
  [/^GET \/nodes\/[^/]+\/tasks\/[^/]+\/status/, tasks.taskStatus],
  [/^GET \/nodes\/[^/]+\/tasks\/[^/]+\/log/, z.array(tasks.logLine)],
  [/^(?:POST|DELETE) \/nodes\/[^/]+\/qemu(?:\/\d+)?(?:\?|$)/, tasks.upid],
  [/^POST \/nodes\/[^/]+\/qemu\/\d+\/(?:clone|status\/\w+)$/, tasks.upid],
  [/^POST \/nodes\/[^/]+\/qemu\/\d+\/template$/, tasks.upidOrDone],
  [/^PUT \/nodes\/[^/]+\/qemu\/\d+\/resize$/, tasks.upidOrDone],
  [/^DELETE \/nodes\/[^/]+\/storage\/[^/]+\/content\//, tasks.upidOrDone],
  [/^POST \/nodes\/[^/]+\/storage\/[^/]+\/download-url$/, tasks.upid],
  [/^GET \/pools$/, z.array(wire.poolRow)],
  [/^GET \/pools\/[^/]+$/, wire.pool],
  [/^GET \/access\/domains$/, z.array(access.realm)],
  [/^GET \/access\/permissions/, access.permissions],
  [/^GET \/access\/users(?:\?|$)/, z.array(access.user)],
  [/^GET \/access\/users\/[^/]+\/token$/, z.array(access.token)],
  [/^POST \/access\/users\/[^/]+\/token\/[^/]+$/, access.newToken],
  [/^GET \/access\/roles$/, z.array(access.role)],
  [/^GET \/access\/roles\/[^/]+$/, access.rolePrivileges],
  [/^GET \/access\/acl$/, z.array(access.aclEntry)],
  [/^POST \/access\/ticket$/, access.login],
];

/** Answers to requests that this client never makes: what they mean does not matter. */
const NOT_OURS = /offset 1 \(before "bad"\)|got undefined value|machine-versions|auto-generated role/;

function entriesOf(file: string): Entry[] {
  const recorded = z.object({ entries: z.array(entry) });
  return recorded.parse(JSON.parse(readFileSync(join(directory, file), 'utf8'))).entries;
}

function answered({ method, path, status, statusText, contentType, response }: Entry, answer: z.ZodType): unknown {
  const call = { doing: 'do it', method, path: '/', effect: 'once', answer } as const;
  const body = typeof response === 'string' ? response : response === undefined ? '' : JSON.stringify(response);
  try {
    return answerOf(
      call,
      { status, statusText, headers: { 'content-type': contentType ?? undefined }, body },
      (t) => t,
    );
  } catch (error) {
    if (error instanceof PveProblem) return error;
    throw new Error(`${method} ${path}`, { cause: error });
  }
}

describe
  .skipIf(!present)
  .each([
    'pve-transcripts-8.4.21.json',
    'pve-transcripts-9.1.7.json',
    'pve-transcripts-wizard-8.4.21.json',
    'pve-transcripts-wizard-9.1.7.json',
  ])(
  `what real hosts answered, %s${present ? '' : ' (skipped: the recordings are not beside this checkout)'}`,
  (file) => {
    const entries = present ? entriesOf(file) : [];

    test('is read, wherever it is a success of a call that we make', () => {
      const misread: string[] = [];
      let read = 0;
      for (const recorded of entries.filter(({ status }) => status === 200)) {
        const asked = `${recorded.method} ${recorded.path}`;
        const answer = ANSWERS.find(([pattern]) => pattern.test(asked))?.[1];
        if (answer === undefined) continue;
        const outcome = answered(recorded, answer);
        read += 1;
        if (outcome instanceof PveProblem) misread.push(`${asked}: ${outcome.message}`);
      }
      expect(misread).toEqual([]);
      expect(read).toBeGreaterThan(50);
    });

    test('is a refusal with a reason, wherever it is one', () => {
      const dark: string[] = [];
      for (const recorded of entries.filter(({ status }) => status !== 200)) {
        const outcome = answered(recorded, wire.nothing);
        const problem = outcome instanceof PveProblem ? outcome : undefined;
        if (problem !== undefined && NOT_OURS.test(problem.message)) continue;
        if (problem === undefined || problem.reason === 'other' || problem.reason === 'not-proxmox') {
          dark.push(`${recorded.method} ${recorded.path}: ${problem?.message}`);
        }
      }
      expect([...new Set(dark.map((line) => line.replace(/^\S+ \S+ /, '')))].sort()).toEqual([]);
    });
  },
);
