import { isDeepStrictEqual } from 'node:util';
import { DockwardenError } from '../errors.ts';
import type { Finding } from '../findings/findings.ts';
import type { Policy, Verdict } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import type { DefenderKnowledge } from '../resources/defender.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { Versioned } from '../versioned.ts';
import type { OpenRun, PendingCause } from '../work/work-items.ts';
import type { Timings } from './audit-rows.ts';
import { AzureCalls } from './azure-calls.ts';
import type { OpenVerdict } from './decide.ts';
import { type Decided, decideAbout, isExemptNow, type OpenCase } from './deciding.ts';
import { recallDefender, withTokens } from './defender-knowledge.ts';
import { othersActedAt, principalCause, type SafetyMemory, writeCause } from './finding-state.ts';
import { type RunEnd, type RunOutcome, startRun } from './fix-run.ts';
import { collectLate, isLate, isResting } from './late-policies.ts';
import { NodeInspection } from './node-inspection.ts';
import { type Judged, PassNotes } from './pass-notes.ts';
import { PolicyExemptions } from './policy-exemptions.ts';
import type { EngineContext } from './ports.ts';
import { runInputOf } from './run-input.ts';
import {
  busyState,
  evaluatePolicy,
  isStale,
  isTold,
  judgesAlerts,
  policiesFor,
  readSnapshot,
  type Snapshot,
  unreadSnapshot,
} from './snapshot.ts';
import { treatmentOf } from './treatments.ts';
import { touchedBefore, touchesOf, violationOf } from './violation.ts';
import { retryDelay } from './waiting.ts';
import { sooner, type Wait, waitFor } from './waits.ts';
import { countReversal, reversedRun } from './war.ts';
import type { WorkLease } from './work-lease.ts';

/** One look at one resource: judges every policy in catalogue order, fixes what is decided, remembers the rest. */
export class ResourcePass {
  readonly context: EngineContext;
  readonly target: ResourceId;
  readonly lease: WorkLease;
  readonly calls: AzureCalls;
  readonly policyExemptions: PolicyExemptions;
  readonly policies: readonly Policy[];
  /** Policies that are not judged in this pass, because what they need was collected a short time ago. */
  readonly #resting: ReadonlySet<string>;
  readonly causes: readonly PendingCause[];
  readonly cause: PendingCause | undefined;
  /** What it has found out. */
  readonly notes: PassNotes;
  readonly #inspection: NodeInspection | undefined;
  #defender: DefenderKnowledge;
  /** Policies whose fix has been tried in this pass: a second try is for the next one. */
  readonly #tried = new Set<string>();
  /** Policies of which this pass has said something. */
  readonly #noted = new Set<string>();
  /** Policies whose violation was counted as a reversal in this pass. */
  readonly #reversed = new Set<string>();
  #timings: Timings;
  #latest: Snapshot | undefined;

  private constructor(
    context: EngineContext,
    target: ResourceId,
    lease: WorkLease,
    known: {
      readonly findings: readonly Versioned<Finding>[];
      readonly inspection: NodeInspection | undefined;
      readonly defender: DefenderKnowledge;
    },
  ) {
    this.context = context;
    this.target = target;
    this.lease = lease;
    this.calls = new AzureCalls(context, target);
    this.policyExemptions = new PolicyExemptions(this.calls, target, context.settings);
    const active = policiesFor(context.policies, context.settings, target.type);
    this.#inspection = known.inspection;
    this.#defender = known.defender;
    this.causes = lease.causes;
    const findingOf = ({ id }: Policy) => known.findings.find(({ item }) => item.policyId === id)?.item;
    this.#resting = new Set(
      active
        .filter((policy) => isResting(policy, findingOf(policy), this.causes, known.inspection))
        .map(({ id }) => id),
    );
    this.policies = active.filter(({ id }) => !this.#resting.has(id));
    this.cause = principalCause(lease.causes);
    this.notes = new PassNotes(this, known.findings, known.inspection);
    this.#timings = {
      ...(this.cause !== undefined && { event: this.cause.time, queued: this.cause.queuedAt }),
      started: context.clock.now().toISOString(),
    };
  }

  static async begin(context: EngineContext, target: ResourceId, lease: WorkLease): Promise<ResourcePass> {
    const findings = await context.findings.ofResource(target);
    const inspection = await NodeInspection.begin(context, target, lease.causes, async () => {
      await lease.ensure();
    });
    const defender = await recallDefender(context, target, lease.item, findings);
    return new ResourcePass(context, target, lease, { findings, inspection, defender });
  }

  /** The findings as they were before this pass, by policy. */
  get previous(): ReadonlyMap<string, Finding> {
    return this.notes.book.previous;
  }

  /** Reads the live resource. */
  async read(): Promise<Snapshot> {
    const now = () => this.context.clock.now();
    if (this.#latest === undefined) this.#defender = await withTokens(this.calls, this.target, this.#defender, now());
    const snapshot = await readSnapshot(this.calls, this.target, this.policies, { defender: this.#defender }, now);
    this.#timings = { ...this.#timings, read: this.#timings.read ?? snapshot.readAt.toISOString() };
    this.#latest = snapshot;
    return snapshot;
  }

  evaluate(policy: Policy, snapshot: Snapshot, lastFixedAt?: Date): Verdict {
    const fixedAt = lastFixedAt ?? this.notes.fixedAt(policy.id);
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
    for (const policy of this.policies.filter((candidate) => !isLate(candidate))) {
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
   * Judges what takes time. Comes last: it changes nothing, and what cannot be read must keep no fix waiting. What was found before is stored
   * first: an operator may want to act upon it.
   */
  async judgeLate(): Promise<void> {
    const policies = this.policies.filter(isLate);
    const latest = this.#latest;
    if (latest === undefined || policies.length === 0) return;
    await this.notes.saveSoFar();
    const related = { ...latest.related, ...(await collectLate(this, this.#inspection, policies, latest)) };
    const snapshot: Snapshot = { ...latest, related };
    for (const policy of policies) await this.note(await this.#judge(policy, snapshot), snapshot);
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
    this.notes.noteRun(policy.id, end);
    if (end.fixedAt !== undefined) {
      const renewed = this.remediationOf(policy)?.renews ?? [];
      for (const { id } of [policy, ...renewed]) this.notes.noteFix(id, end.fixedAt);
    }
    if (end.isReversed === true) this.#countReversal(policy, end.runId);
    const { outcome, runId } = end;
    this.context.log.info('run ended', { resourceId: this.target.id, policyId: policy.id, outcome, runId });
    if (outcome !== 'retry') return undefined;
    return { delayMs: end.delayMs ?? retryDelay(0), previousRunId: runId, previousPolicyId: policy.id };
  }

  /** Puts the state of one policy aside for `save`, and writes an audit row when the decision is news. */
  async note(judged: Judged, snapshot?: Snapshot): Promise<void> {
    this.#noted.add(judged.policy.id);
    await this.notes.note(judged, snapshot);
  }

  /** What can be said of a resource that cannot be read. */
  unread(): Snapshot {
    return unreadSnapshot(this.target, this.#defender, this.context.clock.now());
  }

  /**
   * Alerts have their tickets even if the resource cannot be read, which may be the attacker's doing, and even if all the rest has to wait, which may be
   * for hours. What somebody has exempted stays so while nobody can see whether that holds.
   */
  async noteAlertsAtOnce(): Promise<void> {
    if (!isTold(this.#defender)) return;
    const snapshot = this.#latest ?? this.unread();
    for (const policy of this.policies) {
      const isExempt = this.#latest === undefined && this.previous.get(policy.id)?.decision === 'exempt';
      if (!this.needsNoRead(policy) || isExempt || this.#noted.has(policy.id)) continue;
      await this.note(await this.#judge(policy, snapshot), snapshot);
    }
  }

  /** Can it be judged without the resource: by what Defender has told, or because it never told anything? A fix needs to see what it changes. */
  needsNoRead(policy: Policy): boolean {
    return judgesAlerts(policy) && (this.remediationOf(policy) === undefined || !isTold(this.#defender));
  }

  /** Not judged in this pass, because what it needs was collected a short time ago. */
  isResting(policyId: string): boolean {
    return this.#resting.has(policyId);
  }

  /** The newest read of this pass. */
  get latest(): Snapshot | undefined {
    return this.#latest;
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
    this.notes.book.setMemory(policy.id, decided.memory);
    return decided;
  }

  #openCase(policy: Policy, snapshot: Snapshot, verdict: OpenVerdict): OpenCase {
    const { remediation, tracker } = treatmentOf(this.context, policy);
    return {
      policy,
      remediation,
      tracker,
      snapshot,
      verdict,
      previous: this.previous.get(policy.id),
      memory: this.memoryOf(policy),
      yieldUntil: this.#yieldUntil(policy),
      isTried: this.#tried.has(policy.id),
    };
  }

  memoryOf(policy: Pick<Policy, 'id'>): SafetyMemory {
    return this.notes.book.memoryOf(policy.id);
  }

  /** Changes what the safety devices remember; the next decision goes by it, and `save` stores it even if the pass ends before one. */
  remember(policyId: string, memory: SafetyMemory): void {
    this.notes.book.remember(policyId, memory);
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
    await this.notes.saveEnded();
    return await startRun(this.context, runInputOf(this, policy, remediation), violation, decided, touched);
  }

  /** Would the violation be over, had it been fixed at that moment? What somebody else has done since counts for more. */
  isSettledBy(policy: Policy, moment: Date): boolean {
    const actedAt = this.othersActedAt(policy);
    if (this.#latest === undefined || (actedAt !== undefined && new Date(actedAt) >= moment)) return false;
    return this.evaluate(policy, this.#latest, moment).verdict === 'compliant';
  }

  /** When somebody else last did the same as the policy's remediation. */
  othersActedAt(policy: Policy): string | undefined {
    return othersActedAt(
      this.previous.get(policy.id),
      this.remediationOf(policy),
      this.causes,
      this.context.clock.now(),
    );
  }

  #yieldUntil(policy: Policy): Date | undefined {
    const actedAt = this.othersActedAt(policy);
    const remediation = this.remediationOf(policy);
    if (actedAt === undefined || remediation === undefined) return undefined;
    return new Date(Date.parse(actedAt) + this.context.settings.graceOf(remediation.id));
  }
}
