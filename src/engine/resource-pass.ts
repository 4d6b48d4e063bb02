import { isDeepStrictEqual } from 'node:util';
import { DockwardenError } from '../errors.ts';
import type { Finding } from '../findings/findings.ts';
import type { Policy, Verdict } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { OpenRun, PendingCause } from '../work/work-items.ts';
import { decisionRow, type Timings } from './audit-rows.ts';
import { AzureCalls } from './azure-calls.ts';
import { givePlaceBack } from './breaking.ts';
import type { OpenVerdict } from './decide.ts';
import { type Decided, decideAbout, isExemptNow, type OpenCase } from './deciding.ts';
import { planFor } from './dry-run.ts';
import {
  isChanged,
  isNewDecision,
  memoryOf,
  nextFinding,
  othersActedAt,
  principalCause,
  type SafetyMemory,
  withMemory,
  writeCause,
} from './finding-state.ts';
import { type RunEnd, type RunOutcome, startRun } from './fix-run.ts';
import type { EngineContext } from './ports.ts';
import { runInputOf, subjectOf } from './run-input.ts';
import { busyState, evaluatePolicy, isStale, policiesFor, readSnapshot, type Snapshot } from './snapshot.ts';
import { touchedBefore, touchesOf, violationOf } from './violation.ts';
import { retryDelay } from './waiting.ts';
import { scheduleLook, sooner, type Wait, waitFor } from './waits.ts';
import { countReversal, reversedRun } from './war.ts';
import type { WorkLease } from './work-lease.ts';

/** One policy judged on one snapshot, with what was decided and done about it. */
interface Judged {
  readonly policy: Policy;
  readonly verdict: Verdict;
  readonly decided?: Decided;
}

/** One look at one resource: judges every policy in catalogue order, fixes what is decided, remembers the rest. */
export class ResourcePass {
  readonly context: EngineContext;
  readonly target: ResourceId;
  readonly lease: WorkLease;
  readonly calls: AzureCalls;
  readonly policies: readonly Policy[];
  readonly causes: readonly PendingCause[];
  readonly cause: PendingCause | undefined;
  readonly previous: ReadonlyMap<string, Finding>;
  readonly #runs = new Map<string, RunOutcome>();
  readonly #fixedAt = new Map<string, Date>();
  /** Policies whose fix has been tried in this pass: a second try is for the next one. */
  readonly #tried = new Set<string>();
  readonly #changed = new Map<string, Finding>();
  /** What the safety devices know of each policy's violation by now. */
  readonly #memories = new Map<string, SafetyMemory>();
  /** Policies whose violation was counted as a reversal in this pass. */
  readonly #reversed = new Set<string>();
  #timings: Timings;
  /** The newest read of this pass. */
  #latest: Snapshot | undefined;

  private constructor(context: EngineContext, target: ResourceId, lease: WorkLease, findings: readonly Finding[]) {
    this.context = context;
    this.target = target;
    this.lease = lease;
    this.calls = new AzureCalls(context, target);
    this.policies = policiesFor(context.policies, context.settings, target.type);
    this.causes = lease.causes;
    this.cause = principalCause(lease.causes);
    this.previous = new Map(findings.map((finding) => [finding.policyId, finding]));
    this.#timings = {
      ...(this.cause !== undefined && { event: this.cause.time, queued: this.cause.queuedAt }),
      started: context.clock.now().toISOString(),
    };
  }

  static async begin(context: EngineContext, target: ResourceId, lease: WorkLease): Promise<ResourcePass> {
    return new ResourcePass(context, target, lease, await context.findings.ofResource(target));
  }

  /** Reads the live resource. */
  async read(): Promise<Snapshot> {
    const snapshot = await readSnapshot(this.calls, this.target, this.policies, () => this.context.clock.now());
    this.#timings = { ...this.#timings, read: this.#timings.read ?? snapshot.readAt.toISOString() };
    this.#latest = snapshot;
    return snapshot;
  }

  evaluate(policy: Policy, snapshot: Snapshot, lastFixedAt?: Date): Verdict {
    const fixedAt = lastFixedAt ?? this.#fixedAt.get(policy.id);
    return evaluatePolicy(policy, snapshot, {
      now: this.context.clock.now(),
      settings: this.context.settings,
      finding: this.previous.get(policy.id),
      ...(fixedAt !== undefined && { lastFixedAt: fixedAt }),
    });
  }

  /** Judges and treats every policy on this snapshot; stops early when a run has to wait. Throws when the resource cannot be read again. */
  async treat(snapshot: Snapshot): Promise<Wait | undefined> {
    let current = snapshot;
    let wait: Wait | undefined;
    for (const policy of this.policies) {
      let judged = await this.#judge(policy, current);
      if (this.#isToFix(judged) && isStale(current, this.context.clock.now())) {
        current = await this.read();
        if (!(await this.stillHolds(policy, current, judged.verdict))) judged = await this.#judge(policy, current);
      }
      const { decided } = judged;
      if (decided !== undefined && this.#isToFix(judged)) {
        const end = await this.#fix(policy, current, decided, judged.verdict);
        if (end.end === 'open') {
          await this.note(judged, current);
          return { delayMs: end.delayMs, run: end.run };
        }
        const retry = this.noteRun(policy, end);
        current = end.snapshot ?? current;
        await this.note({ ...judged, verdict: this.evaluate(policy, current) }, current);
        if (retry !== undefined) return retry;
      } else {
        if (decided !== undefined) wait = sooner(wait, waitFor(decided, this.lease.item.attempt));
        await this.note(judged, current);
      }
    }
    if (wait !== undefined) return wait;
    // Even a compliant resource is looked at again when Azure has finished changing it.
    if (busyState(current)?.reason !== 'resource-busy') return undefined;
    return { delayMs: retryDelay(this.lease.item.attempt), isCompliant: true };
  }

  /**
   * Looking for dependants and taking a turn at the breaker takes time, in which somebody may have put the resource right, or exempted it. Is
   * what was decided still right for what was read just now?
   */
  async stillHolds(policy: Policy, snapshot: Snapshot, decidedOn: Verdict): Promise<boolean> {
    const verdict = this.evaluate(policy, snapshot);
    if (verdict.verdict !== 'violation' || !isDeepStrictEqual(verdict, decidedOn)) return false;
    return !(await isExemptNow(this, this.#openCase(policy, snapshot, verdict)));
  }

  #isToFix({ policy, decided }: Judged): boolean {
    return decided?.decision.decision === 'fix' && !this.#tried.has(policy.id);
  }

  /** Takes in how a run ended that this worker performed or judged; a `retry` has to wait. */
  noteRun(policy: Policy, end: RunOutcome): Wait | undefined {
    this.#tried.add(policy.id);
    return this.#takeIn(policy, end);
  }

  /** Takes in a run that had ended before this worker came; what happened since is judged on its own. */
  noteEarlierRun(policy: Policy, end: RunOutcome): Wait | undefined {
    return this.previous.get(policy.id)?.lastRunId === end.runId ? undefined : this.#takeIn(policy, end);
  }

  #takeIn(policy: Policy, end: RunOutcome): Wait | undefined {
    this.#runs.set(policy.id, end);
    if (end.fixedAt !== undefined) {
      const renewed = this.remediationOf(policy)?.renews ?? [];
      for (const { id } of [policy, ...renewed]) this.#fixedAt.set(id, end.fixedAt);
    }
    if (end.isReversed === true) this.#countReversal(policy, end.runId);
    const { outcome, runId } = end;
    this.context.log.info('run ended', { resourceId: this.target.id, policyId: policy.id, outcome, runId });
    if (outcome !== 'retry') return undefined;
    return { delayMs: end.delayMs ?? retryDelay(0), previousRunId: runId, previousPolicyId: policy.id };
  }

  /** Puts the state of one policy aside for `save`, and writes an audit row when the decision is news. */
  async note({ policy, verdict, decided }: Judged, snapshot?: Snapshot): Promise<void> {
    const decision = decided?.decision;
    const previous = this.previous.get(policy.id);
    const remediation = this.remediationOf(policy);
    const fixedAt = this.#fixedAt.get(policy.id);
    const run = this.#runs.get(policy.id);
    const next = nextFinding(previous, {
      target: this.target,
      policy,
      verdict,
      decision,
      mode: remediation === undefined ? undefined : this.context.settings.modeOf(remediation.id),
      cause: writeCause(this.causes),
      othersActedAt: this.#othersActedAt(policy),
      run: run === undefined || run.outcome === 'retry' ? undefined : run,
      fixedAt,
      memory: this.memoryOf(policy),
      configHash: this.context.settings.hash,
      now: this.context.clock.now(),
    });
    if (next === undefined) return;
    if (decision !== undefined) await scheduleLook(this, policy, decision);
    if (previous?.hasPlace === true && next.hasPlace !== true && decision?.decision !== 'fix')
      await this.#givePlaceBack(policy.id);
    if (!isChanged(previous, next)) return;
    if (decision !== undefined && decision.decision !== 'fix' && isNewDecision(previous, next)) {
      const plan =
        snapshot === undefined ? [] : await planFor(this, { policy, remediation, snapshot, verdict, decision });
      const row = decisionRow(this.context, subjectOf(this, policy, verdict), decision, plan);
      await this.context.audit.append(row.key, row.record);
      this.context.log.info('decided', {
        resourceId: this.target.id,
        policyId: policy.id,
        decision: decision.decision,
        reason: decision.reason,
      });
    }
    this.#changed.set(policy.id, next);
  }

  /** Stores every finding that says something new, together. */
  async save(): Promise<void> {
    await this.#noteEnded();
    const active = new Set(this.policies.map(({ id }) => id));
    const isOver = ({ policyId }: Finding) => !active.has(policyId) && !this.#changed.has(policyId);
    await this.#close('policy-off', [...this.previous.values()].filter(isOver));
    if (this.#changed.size === 0) return;
    // A worker whose lease has run out would overwrite what its successor has found.
    await this.lease.ensure();
    await this.context.findings.save(this.target, [...this.#changed.values()]);
  }

  /** What has ended in this pass is remembered, even if the pass had to stop before the turn of its policy. */
  async #noteEnded(): Promise<void> {
    for (const policy of this.policies) {
      const hasEnded = this.#runs.has(policy.id) || this.#fixedAt.has(policy.id);
      if (this.#latest === undefined || !hasEnded || this.#changed.has(policy.id)) continue;
      await this.note({ policy, verdict: this.evaluate(policy, this.#latest) }, this.#latest);
    }
  }

  /** Closes every open finding: the resource is gone. */
  async noteGone(): Promise<void> {
    await this.#close('gone', this.previous.values());
  }

  async #close(closedBecause: 'gone' | 'policy-off', findings: Iterable<Finding>): Promise<void> {
    const updated = this.context.clock.now().toISOString();
    for (const { hasPlace, ...finding } of findings) {
      if (finding.status === 'closed') continue;
      if (hasPlace === true) await this.#givePlaceBack(finding.policyId);
      this.#changed.set(finding.policyId, { ...finding, status: 'closed', closedBecause, updated });
    }
  }

  async #givePlaceBack(policyId: string): Promise<void> {
    for (const { fixes, id } of this.context.remediations)
      if (fixes.id === policyId) await givePlaceBack(this.context, this.target, id);
  }

  remediationOf(policy: Policy): Remediation | undefined {
    return this.context.remediations.find(({ fixes }) => fixes.id === policy.id);
  }

  /** Moments of this pass so far. */
  get timings(): Timings {
    return this.#timings;
  }

  /** The decision about one violation, and all that the safety devices have to say about it. */
  async decideAbout(policy: Policy, snapshot: Snapshot, verdict: OpenVerdict, run?: OpenRun): Promise<Decided> {
    const { now, previous } = { now: this.context.clock.now(), previous: this.previous.get(policy.id) };
    const remediation = this.remediationOf(policy);
    const reversed = reversedRun(previous, verdict, this.context.settings.safety.war, now);
    // What leaves nothing behind that could be set back, as a rotation, is reversed by nobody: it only grows old.
    const touched = touchesOf(this.context, { target: this.target, policy }, remediation, snapshot, verdict);
    if (reversed !== undefined && touched.length > 0 && !this.#reversed.has(policy.id))
      this.#countReversal(policy, reversed);
    const open = this.#openCase(policy, snapshot, verdict);
    const decided = await decideAbout(this, { ...open, ...(run !== undefined && { run }) });
    this.#memories.set(policy.id, decided.memory);
    return decided;
  }

  #openCase(policy: Policy, snapshot: Snapshot, verdict: OpenVerdict): OpenCase {
    return {
      policy,
      remediation: this.remediationOf(policy),
      snapshot,
      verdict,
      previous: this.previous.get(policy.id),
      memory: this.memoryOf(policy),
      yieldUntil: this.#yieldUntil(policy),
      isTried: this.#tried.has(policy.id),
    };
  }

  memoryOf(policy: Pick<Policy, 'id'>): SafetyMemory {
    return this.#memories.get(policy.id) ?? memoryOf(this.previous.get(policy.id));
  }

  /** Changes what the safety devices remember; the next decision goes by it, and `save` stores it even if the pass ends before one. */
  remember(policyId: string, memory: SafetyMemory): void {
    this.#memories.set(policyId, memory);
    const finding = this.#changed.get(policyId) ?? this.previous.get(policyId);
    if (finding !== undefined) this.#changed.set(policyId, withMemory(finding, memory));
  }

  /** A run of this pass that ended without touching what is known of the violation: no second try before the next pass. */
  noteTried(policy: Policy): void {
    this.#tried.add(policy.id);
  }

  /** The violation that an undo brings back is nobody's reversal. */
  noteUndone(policy: Policy): void {
    this.#reversed.add(policy.id);
  }

  #countReversal(policy: Policy, runId: string): void {
    const { clock, settings } = this.context;
    this.#reversed.add(policy.id);
    const memory = countReversal(
      this.memoryOf(policy),
      runId,
      writeCause(this.causes),
      settings.safety.war,
      clock.now(),
    );
    this.remember(policy.id, memory);
  }

  async #judge(policy: Policy, snapshot: Snapshot): Promise<Judged> {
    const verdict = this.evaluate(policy, snapshot);
    const isOpen = verdict.verdict === 'violation' || verdict.verdict === 'unknown';
    const decided = isOpen ? await this.decideAbout(policy, snapshot, verdict) : undefined;
    this.#timings = { ...this.#timings, decided: this.context.clock.now().toISOString() };
    return { policy, verdict, ...(decided !== undefined && { decided }) };
  }

  async #fix(policy: Policy, snapshot: Snapshot, decided: Decided, verdict: Verdict): Promise<RunEnd> {
    const remediation = this.remediationOf(policy);
    const violation = violationOf(this.context, { target: this.target, policy }, snapshot, verdict);
    const touched = remediation && touchedBefore(remediation, violation, snapshot);
    if (remediation === undefined || touched === undefined)
      throw new DockwardenError('INTERNAL_INVARIANT', 'the pre-flight let a before-state pass that cannot be stored');
    return await startRun(this.context, runInputOf(this, policy, remediation), violation, decided, touched);
  }

  #othersActedAt(policy: Policy): string | undefined {
    return othersActedAt(
      this.previous.get(policy.id),
      this.remediationOf(policy),
      this.causes,
      this.context.clock.now(),
    );
  }

  #yieldUntil(policy: Policy): Date | undefined {
    const actedAt = this.#othersActedAt(policy);
    const remediation = this.remediationOf(policy);
    if (actedAt === undefined || remediation === undefined) return undefined;
    return new Date(Date.parse(actedAt) + this.context.settings.graceOf(remediation.id));
  }
}
