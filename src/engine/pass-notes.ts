import type { Finding } from '../findings/findings.ts';
import { type Policy, unknown, type Verdict } from '../policy/define-policy.ts';
import { Tags } from '../resources/tags.ts';
import { isInScope } from '../settings/remediation-scope.ts';
import type { Versioned } from '../versioned.ts';
import { decisionRow } from './audit-rows.ts';
import { givePlaceBack } from './breaking.ts';
import type { Decision } from './decide.ts';
import type { Decided } from './deciding.ts';
import { planFor } from './dry-run.ts';
import { FindingBook } from './finding-book.ts';
import { isChanged, isNewDecision, nextFinding, writeCause } from './finding-state.ts';
import type { RunOutcome } from './fix-run.ts';
import { type NodeInspection, needsNodes } from './node-inspection.ts';
import type { ResourcePass } from './resource-pass.ts';
import { subjectOf } from './run-input.ts';
import { busyState, type Snapshot } from './snapshot.ts';
import { TicketLooks } from './tickets/ticket-looks.ts';
import { treatmentOf } from './treatments.ts';
import { scheduleLook } from './waits.ts';

/** One policy judged on one snapshot, with what was decided and done about it. */
export interface Judged {
  readonly policy: Policy;
  readonly verdict: Verdict;
  readonly decided?: Decided;
}

/** Longer than an inspection takes, in milliseconds: the next one counts from its end. */
const INSPECTION_TIME = 120_000;

/** What a pass has found out, put aside until it is stored: findings, tickets, and what is remembered of nodes. */
export class PassNotes {
  readonly book: FindingBook;
  readonly #pass: ResourcePass;
  readonly #tickets: TicketLooks;
  readonly #inspection: NodeInspection | undefined;
  /** Runs that ended, and moments of fixes, by policy. */
  readonly #runs = new Map<string, RunOutcome>();
  readonly #fixedAt = new Map<string, Date>();
  /** A run has ended since findings were stored. */
  #hasEnds = false;

  constructor(pass: ResourcePass, findings: readonly Versioned<Finding>[], inspection: NodeInspection | undefined) {
    this.#pass = pass;
    this.book = new FindingBook(findings);
    this.#tickets = new TicketLooks(pass.context, pass.target, pass.cause);
    this.#inspection = inspection;
  }

  noteRun(policyId: string, end: RunOutcome): void {
    this.#hasEnds = true;
    this.#runs.set(policyId, end);
  }

  noteFix(policyId: string, fixedAt: Date): void {
    this.#fixedAt.set(policyId, fixedAt);
  }

  fixedAt(policyId: string): Date | undefined {
    return this.#fixedAt.get(policyId);
  }

  /** Puts the state of one policy aside for `save`, and writes an audit row when the decision is news. */
  async note({ policy, verdict, decided }: Judged, snapshot?: Snapshot): Promise<void> {
    const decision = decided?.decision;
    const previous = this.book.previous.get(policy.id);
    const { remediation, mode } = treatmentOf(this.#pass.context, policy);
    const fixedAt = this.#fixedAt.get(policy.id);
    const run = this.#runs.get(policy.id);
    const ticketParts = await this.#noteTickets(policy, verdict, decision);
    const next = nextFinding(previous, {
      target: this.#pass.target,
      policy,
      verdict,
      decision,
      mode,
      ticketParts,
      cause: writeCause(this.#pass.causes),
      othersActedAt: this.#pass.othersActedAt(policy),
      run: run === undefined || run.outcome === 'retry' ? undefined : run,
      endedRunId: run?.runId,
      fixedAt,
      memory: this.book.memoryOf(policy.id),
      configHash: this.#pass.context.settings.hash,
      now: this.#pass.context.clock.now(),
    });
    if (next === undefined) return;
    if (decision !== undefined) await scheduleLook(this.#pass, policy, decision);
    if (previous?.hasPlace === true && next.hasPlace !== true && decision?.decision !== 'fix')
      await this.#givePlaceBack(policy.id);
    if (!isChanged(this.book.latest(policy.id), next)) return;
    if (decision !== undefined && decision.decision !== 'fix' && isNewDecision(previous, next)) {
      const plan =
        snapshot === undefined ? [] : await planFor(this.#pass, { policy, remediation, snapshot, verdict, decision });
      const row = decisionRow(this.#pass.context, subjectOf(this.#pass, policy, verdict), decision, plan);
      await this.#pass.context.audit.append(row.key, row.record);
      this.#pass.context.log.info('decided', {
        resourceId: this.#pass.target.id,
        policyId: policy.id,
        decision: decision.decision,
        reason: decision.reason,
      });
    }
    this.book.put(next);
  }

  /** The parts of the resource that may have a ticket of this policy after this pass. */
  async #noteTickets(policy: Policy, verdict: Verdict, decision: Decision | undefined): Promise<readonly string[]> {
    const { id: remediationId, tracker } = treatmentOf(this.#pass.context, policy);
    const previous = this.book.previous.get(policy.id);
    const { nodes, tickets } = this.#pass.context.settings;
    // What is looked at less often than that cannot be confirmed earlier.
    const isRare = needsNodes(policy) && nodes.inspectionIntervalMs > 0;
    const graceMs = isRare ? Math.max(tickets.graceMs, nodes.inspectionIntervalMs + INSPECTION_TIME) : tickets.graceMs;
    const look = {
      target: this.#pass.target,
      policy,
      verdict: this.#isStopped() && needsNodes(policy) ? unknown('nodes that are stopped') : verdict,
      decision,
      remediationId,
      isTracked: tracker !== undefined,
      isInScope: this.#isInScope(remediationId),
      actor: writeCause(this.#pass.causes)?.actor?.id ?? previous?.actor,
      knownParts: previous?.ticketParts ?? [],
    };
    return await this.#tickets.note(look, graceMs);
  }

  /** Nodes that do not run prove nothing: their tickets wait. */
  #isStopped(): boolean {
    const { latest } = this.#pass;
    return latest !== undefined && busyState(latest)?.reason === 'resource-stopped';
  }

  /** As the last read of the resource says; one that could not be read changes no ticket. */
  #isInScope(remediationId: string | undefined): boolean {
    const { context, latest, target } = this.#pass;
    if (remediationId === undefined || latest === undefined) return true;
    const tags = Tags.parse(latest.raw['tags']);
    return isInScope(context.settings.scopeOf(remediationId), { key: target.key, tags });
  }

  /** Stores what this pass has found by now: findings first, then tickets, which go by them. */
  async saveSoFar(): Promise<void> {
    await this.#saveFindings();
    await this.#tickets.settle();
  }

  /**
   * Stores how runs of this pass have ended. Has to come before another run is begun: that one takes the place of the last in the work row, and
   * whoever takes it up knows no other.
   */
  async saveEnded(): Promise<void> {
    if (this.#hasEnds) await this.#saveFindings();
  }

  async #saveFindings(): Promise<void> {
    await this.#noteEnded();
    await this.book.save(this.#pass.context, this.#pass.target, this.#pass.lease);
    this.#hasEnds = false;
  }

  /** Stores the rest when the pass ends, the history of nodes last. */
  async save(): Promise<void> {
    const active = new Set(this.#pass.policies.map(({ id }) => id));
    const isOver = ({ policyId }: Finding) =>
      !active.has(policyId) && !this.#pass.isResting(policyId) && !this.book.isChanged(policyId);
    await this.#close('policy-off', [...this.book.previous.values()].filter(isOver));
    await this.saveSoFar();
    await this.#inspection?.save();
  }

  /** What has ended in this pass is remembered, even if the pass had to stop before the turn of its policy. */
  async #noteEnded(): Promise<void> {
    const { latest } = this.#pass;
    for (const policy of this.#pass.policies) {
      const hasEnded = this.#runs.has(policy.id) || this.#fixedAt.has(policy.id);
      if (latest === undefined || !hasEnded || this.book.isChanged(policy.id)) continue;
      await this.note({ policy, verdict: this.#pass.evaluate(policy, latest) }, latest);
    }
  }

  /** Closes every open finding: the resource is gone. */
  async noteGone(): Promise<void> {
    await this.#close('gone', this.book.previous.values());
  }

  async #close(closedBecause: 'gone' | 'policy-off', findings: Iterable<Finding>): Promise<void> {
    const updated = this.#pass.context.clock.now().toISOString();
    for (const { hasPlace, ticketParts: known = [], ...finding } of findings) {
      // Remembered until a later pass finds the tickets closed: storing them may fail.
      const parts = await this.#tickets.close(finding.policyId, known, closedBecause);
      const ticketParts = parts.length === 0 ? {} : { ticketParts: parts };
      if (finding.status === 'closed') {
        if (parts.length < known.length) this.book.put({ ...finding, ...ticketParts, updated });
        continue;
      }
      if (hasPlace === true) await this.#givePlaceBack(finding.policyId);
      this.book.put({ ...finding, ...ticketParts, status: 'closed', closedBecause, updated });
    }
  }

  async #givePlaceBack(policyId: string): Promise<void> {
    for (const { fixes, id } of this.#pass.context.remediations)
      if (fixes.id === policyId) await givePlaceBack(this.#pass.context, this.#pass.target, id);
  }
}
