/**
 * Deliberate faults. Each is switched on for a run of its own, by changing the source as it is bundled, and must be found by the
 * simulation: a rule that cannot be broken proves nothing. `seed` is a story that is known to find it; it is tried first.
 *
 * `find` must occur exactly once in the file, so that a mutant that no longer applies is noticed.
 */
export const MUTANTS = [
  {
    name: 'skips the stamp check',
    file: 'provisioners/sandbox/stamp.ts',
    find: 'machine.labels[OPERATION_LABEL] === stamp.operation\n  );',
    replace: 'machine.labels[OPERATION_LABEL] === stamp.operation || true\n  );',
  },
  {
    name: 'retries a create blindly',
    file: 'provisioners/sandbox/provisioner.ts',
    find: 'const mayExist = op.attempt > 1 || op.outcomeUnknown || knownId !== undefined;',
    replace: 'const mayExist = false;',
  },
  {
    name: 'does not look for what an unknown create left',
    file: 'provisioners/sandbox/provisioner.ts',
    find: 'const left = await findByStamp(client, clock, ref.stamp, op, looks);',
    replace: 'const left = [];',
  },
  {
    name: 'drops a report whose answer was lost',
    file: 'src/agent/failures.ts',
    find: 'if (error instanceof PlatformError) return platformFailure(step, error);',
    replace:
      "if (error instanceof PlatformError && step === 'terminate') return { type: 'done', step, text: '' };\n  if (error instanceof PlatformError) return platformFailure(step, error);",
  },
  {
    name: 'never says that a machine is gone',
    file: 'src/lifecycle/decide.ts',
    find: "wanted.push('terminate');",
    replace: '{}',
  },
  {
    name: 'forgets to renew the lock',
    file: 'src/agent/lock-keeper.ts',
    find: 'if (!this.#watching || left === undefined) return;\n    const',
    replace: 'return;\n    const',
  },
  {
    name: 'works on without the lock',
    file: 'src/lifecycle/decide.ts',
    find: "if ((world.lockLeftMs ?? 0) <= policy.lockMarginMs) return 'claim';\n  if (!record.announced)",
    replace: "if (!record.claimed) return 'claim';\n  if (!record.announced)",
  },
  {
    name: 'has no breaker',
    file: 'src/lifecycle/breaker.ts',
    find: 'const tripped = recent + needsTrust.length > limit;',
    replace: 'const tripped = false;',
  },
  {
    name: 'serves kinds that it does not have',
    file: 'src/agent/take-work.ts',
    find: 'return targets.find((target) => target.name === wanted) ?? targets.find((target) => target.type === wanted);',
    replace: 'return targets[0];',
  },
  {
    name: 'acts before the intent is safe',
    file: 'src/agent/worker.ts',
    find: "await deps.ledger.append(this.contract, { type: 'intent', step, attempt });",
    replace: "void deps.ledger.append(this.contract, { type: 'intent', step, attempt });",
  },
  {
    name: 'takes a contract before that is safe',
    file: 'src/ledger/journal.ts',
    find: 'await this.#file.append(bytes);\n        await this.#file.sync();',
    replace: 'await this.#file.append(bytes);',
  },
  {
    name: 'forgets that an outcome is unknown',
    file: 'src/agent/worker.ts',
    find: "const outcomeUnknown = before.running?.step === step || UNKNOWN.has(before.tries[step]?.kind ?? '');",
    replace: 'const outcomeUnknown = false;',
  },
  {
    name: 'forgets open contracts at a restart',
    file: 'src/agent/agent.ts',
    find: 'if (record.closedAt === undefined && !this.deps.ledger.quarantined.has(record.contract)) this.#resume(record);',
    replace: 'void record;',
  },
  {
    name: 'removes the old journal before the snapshot is there',
    file: 'src/ledger/ledger.ts',
    find: 'await disk.replace(join(directory, SNAPSHOT_FILE), bytes);',
    replace:
      'for (const name of old) await disk.remove(join(directory, name));\n    await disk.replace(join(directory, SNAPSHOT_FILE), bytes);',
  },
  {
    name: 'leaves paused contracts out of the snapshot',
    file: 'src/ledger/ledger.ts',
    find: 'for (const [contract, record] of state.records) {\n    const why',
    replace:
      "for (const [contract, record] of state.records) {\n    if (record.goal === 'stop') continue;\n    const why",
  },
  {
    name: 'does not hear that a contract is resumed',
    file: 'src/agent/reconcile.ts',
    find: "if (worker.record.goal === 'stop') events.push(",
    replace: 'if (false) events.push(',
  },
  {
    name: 'does not hear that a contract is paused',
    file: 'src/agent/reconcile.ts',
    find: 'for (const { contract, doom, approved } of act) {',
    replace: "for (const { contract, doom, approved } of act) {\n    if (doom.goal === 'stop') continue;",
  },
  {
    name: 'removes what it should stop',
    file: 'src/agent/steps.ts',
    find: 'await target.provisioner.stop(ownedRef(record, deps.agent), operation(context));',
    replace: 'await target.provisioner.destroy(ownedRef(record, deps.agent), operation(context));',
  },
  {
    name: 'does not start again what went off',
    file: 'src/lifecycle/decide.ts',
    find: 'if (!world.can.start) return false;',
    replace: 'return false;',
  },
  {
    name: 'leaves half-made machines behind',
    file: 'src/lifecycle/decide.ts',
    find: "if (record.machine === 'made' || record.machine === 'maybe') wanted.push('destroy');",
    replace: "if (record.machine === 'made') wanted.push('destroy');",
  },
  {
    name: 'acts on an old verdict after a restart',
    file: 'src/lifecycle/decide.ts',
    find: "if (!platformsWord || world.platformWants === 'remove') return true;",
    replace: 'return true;',
  },
  {
    name: 'does not hear that a verdict is taken back',
    file: 'src/agent/reconcile.ts',
    find: 'if (canBeKept(worker.record))',
    replace: 'if (false)',
  },
  {
    name: 'trusts a clock that jumped',
    file: 'src/agent/clock-watch.ts',
    find: 'if (this.#confirmed === undefined) return false;',
    replace: 'return true;',
  },
  {
    name: 'takes an absent machine for the end of its contract',
    file: 'src/lifecycle/decide.ts',
    find: 'if (record.sealedPassword !== undefined) {\n    const next',
    replace:
      "if (world.power === 'absent') return { kind: 'close', why: 'gone' };\n  if (record.sealedPassword !== undefined) {\n    const next",
  },
  {
    name: 'gives up on the first error',
    file: 'src/lifecycle/decide.ts',
    find: "find((tries) => tries?.kind === 'permanent');",
    replace: "find((tries) => tries?.kind === 'permanent' || tries?.kind === 'retry');",
  },
  {
    name: 'reports a full backend as failed',
    file: 'src/lifecycle/decide.ts',
    find: "reason: 'handed-back',",
    replace: "reason: 'failed',",
  },
  {
    name: 'hands over before a login works',
    file: 'src/lifecycle/decide.ts',
    find: "if (world.can.needsLogin && !record.verified) return 'verify';",
    replace: '',
  },
  {
    name: 'does not tell a restored platform again',
    file: 'src/agent/work-list.ts',
    find: 'if (wasHandedOver(record, this.#askedAt)) this.#context.onListedAgain(contract);',
    replace: '',
  },
  {
    name: 'does not look for second machines',
    file: 'src/agent/target.ts',
    find: "if (removeTwin === undefined || record.machine !== 'made' || record.instance === undefined) return [];",
    replace: 'return [];',
  },
  {
    name: 'removes machines when it stops',
    file: 'src/agent/worker.ts',
    find: 'this.#stopping = true;\n    this.#timer?.();\n    const onForce',
    replace:
      "this.#stopping = true;\n    if (this.record.machine === 'made') void this.target.provisioner.destroy({ stamp: { agent: this.#options.deps.agent, contract: this.contract, operation: this.record.operation }, handles: {} }, { id: this.record.operation, attempt: 1, outcomeUnknown: false, handles: {}, remember: async () => {}, signal: new AbortController().signal, log: this.#log });\n    this.#timer?.();\n    const onForce",
  },
  {
    name: 'lets the heartbeat wait for the backend',
    file: 'src/agent/heartbeat.ts',
    find: 'answer = undefined;\n      const moment',
    replace: 'answer = undefined;\n      while ((await targets[0]?.list(signal)) === undefined);\n      const moment',
  },
  {
    name: 'stops the heartbeat after a failure',
    file: 'src/agent/heartbeat.ts',
    find: 'interval: () => (answer === undefined ? 5_000 : interval),',
    replace: 'interval: () => (answer === undefined ? 1_500_000 : interval),',
  },
];
