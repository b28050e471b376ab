import type { AgentStatusDocument, ContractStatus, PlatformStatus, TargetStatus } from '../../telemetry/status.ts';
import type { Colors } from '../io.ts';
import { ago, duration } from '../text/duration.ts';
import { oneLine, table } from '../text/table.ts';
import type { OfflineStatus } from './offline.ts';

/** The status document for people: what needs attention comes first, then the state of things. */
export function renderStatus(document: AgentStatusDocument, now: number, colors: Colors): string {
  const blocks = [
    head(document, now, colors),
    attention(document, colors),
    targets(document.targets, colors),
    contracts(document.contracts, now, colors),
    declined(document.declined),
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

/** The same without an agent: the ledger's word, and how to get the agent back. */
export function renderOffline(offline: OfflineStatus, now: number, colors: Colors): string {
  const damaged = offline.quarantined.map(({ contract, problem }) => `${contract.slice(0, 12)}: ${oneLine(problem)}`);
  const blocks = [
    `${colors.red('The agent is not running')} (nobody answers in ${offline.stateDir}). Machines keep running; new contracts wait.`,
    [
      ...offline.problems.map((problem) => colors.red(oneLine(problem))),
      ...damaged.map((line) => colors.red(line)),
    ].join('\n'),
    `From the ledger:\n${contracts(offline.contracts, now, colors)}`,
    `To start it: ${colors.bold('systemctl start dc-agent')}, or ${colors.bold('dc-agent run')}`,
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

function head(document: AgentStatusDocument, now: number, colors: Colors): string {
  const phase = document.phase === 'running' ? colors.green(document.phase) : colors.yellow(document.phase);
  const rows = [
    [
      'agent',
      `${phase} for ${duration(now - document.startedAt)}, version ${document.version}, process ${document.pid}`,
    ],
    ['key', document.agent],
    ['platform', `${platformState(document.platform, colors)} ${colors.dim(document.endpoint)}`],
    [
      '',
      `heartbeat ${ago(document.platform.lastHeartbeatAt, now)}, work list ${ago(document.platform.lastWorkListAt, now)}, ` +
        `reconciled ${ago(document.platform.lastReconcileAt, now)}${skew(document.platform)}`,
    ],
    ['state', document.stateDir],
  ];
  return table([{ title: '' }, { title: '' }], rows);
}

function platformState(platform: PlatformStatus, colors: Colors): string {
  const problem = platform.problem === undefined ? '' : ` (${oneLine(platform.problem)})`;
  if (platform.state === 'ok') return colors.green('ok');
  return platform.state === 'unknown'
    ? colors.yellow(`not asked yet${problem}`)
    : colors.red(`${platform.state}${problem}`);
}

function skew(platform: PlatformStatus): string {
  const ms = platform.clockSkewMs ?? 0;
  // Below two seconds it is the resolution of the Date header and not our clock.
  return Math.abs(ms) < 2000 ? '' : `, clock ${duration(Math.abs(ms))} ${ms > 0 ? 'ahead' : 'behind'}`;
}

function attention(document: AgentStatusDocument, colors: Colors): string {
  const lines: string[] = [];
  const { breaker } = document;
  if (breaker.state === 'open') {
    lines.push(colors.red(`held back: ${breaker.held.length} stops or removals at once look like a mistake`));
    lines.push(...breaker.held.slice(0, 10).map((contract) => `  ${contract}`));
    if (breaker.held.length > 10) lines.push(`  and ${breaker.held.length - 10} more`);
    lines.push(
      `  to let them happen: ${colors.bold('dc-agent approve <contract>')} or ${colors.bold('dc-agent approve --all')}`,
    );
  }
  for (const finding of document.findings) {
    if (finding.level !== 'fail' && finding.level !== 'warn') continue;
    const paint = finding.level === 'fail' ? colors.red : colors.yellow;
    lines.push(`${paint(finding.level)}: ${oneLine(finding.title)} ${colors.dim(finding.code)}`);
    if (finding.remedy !== undefined) lines.push(`  ${oneLine(finding.remedy)}`);
  }
  return lines.join('\n');
}

function targets(list: readonly TargetStatus[], colors: Colors): string {
  const rows = list.map((target) => [
    oneLine(target.name),
    `${target.type}${target.simulated ? ' (simulated)' : ''}`,
    target.state === 'ok'
      ? colors.green('ok')
      : target.state === 'failing'
        ? colors.red('failing')
        : colors.yellow('unknown'),
    String(target.machines),
    target.limit === undefined ? String(target.busy) : `${target.busy}/${target.limit}`,
    oneLine(target.problem ?? ''),
  ]);
  const columns = [
    { title: 'TARGET' },
    { title: 'TYPE' },
    { title: 'STATE' },
    { title: 'MACHINES', align: 'right' as const },
    { title: 'BUSY', align: 'right' as const },
    { title: '' },
  ];
  return list.length === 0 ? '' : table(columns, rows);
}

function contracts(list: readonly ContractStatus[], now: number, colors: Colors): string {
  if (list.length === 0) return 'No contracts.';
  const rows = list.map((contract) => [
    contract.contract.slice(0, 12),
    oneLine(contract.target),
    `${oneLine(contract.phase)}${contract.simulated ? ' (simulated)' : ''}`,
    duration(Math.max(0, now - contract.since)),
    activity(contract, colors),
    contract.ssh === undefined ? '' : `${contract.ssh.user}@${contract.ssh.host}:${contract.ssh.port}`,
    contract.owed === 0 ? '' : colors.yellow(String(contract.owed)),
    contract.endsAt === undefined ? '' : contract.endsAt > now ? duration(contract.endsAt - now) : 'over',
  ]);
  const columns = ['CONTRACT', 'TARGET', 'PHASE', 'FOR', 'DOING', 'SSH', 'OWED', 'LEFT'].map((title) => ({ title }));
  return table(columns, rows);
}

function activity(contract: ContractStatus, colors: Colors): string {
  if (contract.problem !== undefined) return colors.red(oneLine(contract.problem));
  if (contract.doing !== undefined) return oneLine(contract.doing);
  const words = [contract.waitingFor ?? '', healthWords(contract.health)].filter((one) => one !== '').join('; ');
  return colors.dim(oneLine(words));
}

function healthWords(health: ContractStatus['health']): string {
  if (health === undefined) return '';
  if (health.state === 'paused') return 'neither asked nor reported while paused, by design';
  const latency = health.latencyMs === undefined ? '' : `, answers in ${health.latencyMs} ms`;
  return `${health.state}${latency}`;
}

function declined(list: AgentStatusDocument['declined']): string {
  if (list.length === 0) return '';
  const rows = list.map(({ contract, reason }) => [contract.slice(0, 12), oneLine(reason)]);
  return table([{ title: 'LEFT TO OTHERS' }, { title: 'WHY' }], rows);
}
