import { auditKey, runStart } from '../audit/audit-log.ts';
import { DockwardenError } from '../errors.ts';
import { evidenceHash } from '../findings/finding-id.ts';
import type { Finding } from '../findings/findings.ts';
import type { Approval } from '../guards/approvals.ts';
import type { Policy } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import type { Tracker } from '../remediations/define-tracker.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { Tags } from '../resources/tags.ts';
import { nextOpening } from '../settings/maintenance-window.ts';
import { isInScope } from '../settings/remediation-scope.ts';
import type { Mode } from '../settings/settings.ts';
import type { OpenRun, PendingCause } from '../work/work-items.ts';
import type { AzureCalls } from './azure-calls.ts';
import { askAdmission } from './breaking.ts';
import {
  type ApprovalAnswer,
  type Decision,
  type DecisionInput,
  decide,
  type OpenVerdict,
  type Planned,
  type Question,
} from './decide.ts';
import { askPreflight } from './dry-run.ts';
import { announceExemptionEnd } from './exemption-notice.ts';
import { askSources } from './exemption-sources.ts';
import { type Exemption, isEndToAnnounce, weighExemptions } from './exemptions.ts';
import { backoffOf, type SafetyMemory, writeCause } from './finding-state.ts';
import type { PolicyExemptions } from './policy-exemptions.ts';
import { type EngineContext, LIMITS } from './ports.ts';
import { busyState, type Snapshot } from './snapshot.ts';
import { touchesOf, violationOf } from './violation.ts';
import { quarantineOf } from './war.ts';

/** What deciding needs of the pass over the resource. */
export interface DecidingPass {
  readonly context: EngineContext;
  readonly target: ResourceId;
  readonly calls: AzureCalls;
  readonly policyExemptions: PolicyExemptions;
  readonly causes: readonly PendingCause[];
}

/** One violation that is to be decided about. */
export interface OpenCase {
  readonly policy: Policy;
  readonly remediation: Remediation | undefined;
  readonly tracker: Tracker | undefined;
  readonly snapshot: Snapshot;
  readonly verdict: OpenVerdict;
  readonly previous: Finding | undefined;
  readonly memory: SafetyMemory;
  readonly yieldUntil: Date | undefined;
  /** The run that is taken up again. */
  readonly run?: OpenRun;
  /** A run of this pass has been made of it: what is decided now is only remembered, and takes no place at the breaker. */
  readonly isTried?: boolean;
}

/** A decision with what it leaves behind. */
export interface Decided {
  readonly decision: Decision;
  readonly memory: SafetyMemory;
  /** Only for a fix: the run that is to make it, and who approved it. */
  readonly runId?: string;
  readonly approvedBy?: string;
  /** What a call that did not answer asked us to wait for. */
  readonly error?: DockwardenError;
}

/** Has somebody exempted it, as far as can be seen at this moment? What cannot be read counts as a yes. */
export async function isExemptNow(pass: DecidingPass, open: OpenCase): Promise<boolean> {
  return (await new Deciding(pass, open).findExemption()).state !== 'none';
}

/** Decides about one violation; asks Azure and the guards only what the decision needs. */
export async function decideAbout(pass: DecidingPass, open: OpenCase): Promise<Decided> {
  return await new Deciding(pass, open).decide();
}

const NOT_APPROVED: ApprovalAnswer = { state: 'missing', reason: 'mode-approve' };

class Deciding {
  readonly #pass: DecidingPass;
  readonly #open: OpenCase;
  readonly #now: Date;
  #memory: SafetyMemory;
  #error: DockwardenError | undefined;
  #approval: { readonly approval: Approval; readonly etag: string } | undefined;

  constructor(pass: DecidingPass, open: OpenCase) {
    this.#pass = pass;
    this.#open = open;
    this.#now = pass.context.clock.now();
    this.#memory = open.memory;
  }

  async decide(): Promise<Decided> {
    let input = this.#input();
    let answer = decide(input);
    while ('ask' in answer) {
      input = { ...input, ...(await this.#ask(answer.ask)) };
      answer = decide(input);
    }
    const decision = answer;
    const error = this.#error === undefined ? {} : { error: this.#error };
    this.#noteAnnouncement(decision);
    if (decision.decision !== 'fix') return { decision, memory: this.#memory, ...error };
    return await this.#clear(decision);
  }

  /** What was announced is forgotten when something else than waiting has come in between: nobody expects it any more. */
  #noteAnnouncement({ decision, reason }: Decision): void {
    const { announcedAt = this.#now.toISOString(), ...memory } = this.#memory;
    const isPending = decision === 'fix' || decision === 'defer';
    const isAnnounced = reason === 'notice' || this.#memory.announcedAt !== undefined;
    this.#memory = isPending && isAnnounced ? { ...memory, announcedAt } : memory;
  }

  /** What is known without a call. */
  #input(): DecisionInput {
    const { context } = this.#pass;
    const { policy, snapshot, remediation, tracker, verdict, yieldUntil } = this.#open;
    const { settings } = context;
    const id = remediation?.id ?? tracker?.id;
    const mode = id === undefined ? undefined : settings.modeOf(id);
    const { target } = this.#pass;
    const touches = touchesOf(context, { target, policy }, remediation, snapshot, verdict);
    return {
      verdict,
      mode,
      isTracked: remediation === undefined,
      isInScope:
        id === undefined ||
        isInScope(settings.scopeOf(id), { key: target.key, tags: Tags.parse(snapshot.raw['tags']) }),
      exemption: 'not-asked',
      quarantine: quarantineOf(this.#memory, settings.safety.war, touches, this.#now),
      busy: busyState(snapshot),
      planned: remediation === undefined ? undefined : this.#planned(remediation, mode),
      yieldUntil,
      backoffUntil: this.#backoffUntil(),
      preflight: 'not-asked',
      approval: 'not-asked',
      admission: this.#open.isTried === true ? { result: 'admitted' } : 'not-asked',
      now: this.#now,
    };
  }

  /** While there is an attack, nothing that may help is kept waiting for having failed before. */
  #backoffUntil(): Date | undefined {
    const { causes } = this.#pass;
    if (causes.some(({ kind }) => kind === 'alert')) return undefined;
    return backoffOf(
      this.#open.previous,
      causes.every(({ kind }) => kind === 'sweep'),
    );
  }

  async #ask(question: Question): Promise<Partial<DecisionInput>> {
    if (question === 'exemption') return { exemption: await this.findExemption() };
    const { remediation } = this.#open;
    if (remediation === undefined)
      throw new DockwardenError('INTERNAL_INVARIANT', 'without a remediation there is nothing to ask about');
    switch (question) {
      case 'preflight':
        return { preflight: await this.#askPreflight(remediation) };
      case 'approval':
        return { approval: await this.#askApproval() };
      case 'admission':
        return { admission: await askAdmission(this.#pass.context, this.#pass.target, remediation.id) };
    }
  }

  #violation() {
    const { policy, snapshot, verdict } = this.#open;
    return violationOf(this.#pass.context, { target: this.#pass.target, policy }, snapshot, verdict);
  }

  #planned(remediation: Remediation, mode: Mode | undefined): Planned | undefined {
    const { settings } = this.#pass.context;
    const noticeMs = mode === 'enforce' ? settings.noticeOf(remediation.id) : 0;
    const announcedAt = this.#memory.announcedAt;
    const announced = announcedAt === undefined ? this.#now.getTime() : Date.parse(announcedAt);
    const due = new Date(Math.max(announced + noticeMs, this.#now.getTime()));
    const opening = nextOpening(due, settings.windowOf(remediation.id), settings.safety.freezes);
    const until = opening.isOpen ? due : opening.opensAt;
    if (due > this.#now) {
      const because = `announced, and planned for ${until?.toISOString() ?? 'never: no window opens'}`;
      return { reason: 'notice', because, until };
    }
    if (opening.isOpen) return undefined;
    const when = until === undefined ? 'it never opens' : `the next opening is ${until.toISOString()}`;
    const because =
      opening.reason === 'frozen'
        ? `nothing is changed on this day; ${when}`
        : `outside the maintenance window; ${when}`;
    return { reason: opening.reason, because, until };
  }

  async findExemption(): Promise<Exemption> {
    const { context, target, causes } = this.#pass;
    const { policy, snapshot, previous } = this.#open;
    const { exemptions } = context.settings.safety;
    const { undoneUntil, undoneBy, undoneRunId } = this.#memory;
    if (undoneUntil !== undefined && new Date(undoneUntil) > this.#now) {
      const because = `fix ${undoneRunId ?? ''} was undone by ${undoneBy ?? 'somebody'}; left alone until ${undoneUntil}`;
      return { state: 'exempt', reason: 'exempt-undone', because, until: new Date(undoneUntil) };
    }
    const found = await askSources(this.#pass, policy, snapshot, this.#now);
    if ('error' in found) {
      this.#error = found.error;
      return found.exemption;
    }
    const { exemption, memory } = weighExemptions(found, previous, writeCause(causes), exemptions, this.#now);
    const { exemption: _old, exemptionInvalidSince: _since, ...rest } = this.#memory;
    this.#memory = { ...rest, ...memory };
    const record = memory.exemption;
    if (
      exemption.state === 'exempt' &&
      record !== undefined &&
      isEndToAnnounce(record, exemptions.noticeMs, this.#now)
    ) {
      await announceExemptionEnd(context, target, policy, record);
      this.#memory = { ...this.#memory, exemption: { ...record, isEndAnnounced: true } };
    }
    return exemption;
  }

  async #askPreflight(remediation: Remediation): Promise<DecisionInput['preflight']> {
    const { preflight, error } = await askPreflight(
      this.#pass.calls,
      remediation,
      this.#violation(),
      this.#open.snapshot,
    );
    this.#error = error;
    return preflight;
  }

  async #askApproval(): Promise<ApprovalAnswer> {
    const { context, target } = this.#pass;
    const { policy } = this.#open;
    const stored = await context.approvals.get(target, policy.id);
    if (stored === undefined) return NOT_APPROVED;
    const { approval, etag } = stored;
    const isAboutThis = approval?.resourceId.toLowerCase() === target.key && approval.policyId === policy.id;
    if (!isAboutThis) {
      const because = 'the stored answer cannot be read, or is about something else: answer again';
      return { state: 'missing', reason: 'approval-unreadable', because };
    }
    const answer = await this.#judgeApproval(approval);
    if (answer.state === 'granted') this.#approval = { approval, etag };
    return answer;
  }

  async #judgeApproval(approval: Approval): Promise<ApprovalAnswer> {
    const { previous } = this.#open;
    const { state, by, secondBy, comment, expires, evidence } = approval;
    const since = previous?.status === 'open' ? previous.since : undefined;
    const isSame =
      since !== undefined && evidence === evidenceHash({ evidence: JSON.stringify(this.#violation().evidence), since });
    if (state === 'used' && !(isSame && (await this.#isStillUnused(approval)))) return NOT_APPROVED;
    if (!isSame) {
      if (state === 'rejected') return NOT_APPROVED;
      return { state: 'missing', reason: 'approval-drifted', because: 'what was approved is not what is there now' };
    }
    if (state === 'rejected') {
      const because = `rejected by ${by}${comment === undefined ? '' : `: ${comment}`}`;
      return { state: 'missing', reason: 'approval-rejected', because };
    }
    if (approval.runId !== undefined && approval.runId === this.#open.run?.runId)
      return { state: 'granted', by: people(by, secondBy) };
    // A fix that was begun in time may be tried again for a day, as every fix.
    const graceMs = state === 'used' ? LIMITS.givingUp : 0;
    if (Date.parse(expires) + graceMs <= this.#now.getTime())
      return { state: 'missing', reason: 'approval-expired', because: `approved by ${by}, until ${expires}` };
    if (state === 'pending' || (secondBy === undefined && this.#persons() > 1))
      return {
        state: 'missing',
        reason: 'approval-pending',
        because: `approved by ${by}; a second person has to agree`,
      };
    return { state: 'granted', by: people(by, secondBy) };
  }

  /**
   * The run that took it is the one that goes on, or came to nothing: it ended for a passing reason, or its worker died before the intent was
   * written, so it never began. (Whoever asks holds the lease: no other worker is on its way there.)
   */
  async #isStillUnused({ runId }: Approval): Promise<boolean> {
    const { audit } = this.#pass.context;
    if (runId === undefined) return false;
    if (runId === this.#open.run?.runId) return true;
    const started = runStart(runId);
    if ((await audit.find(auditKey(started, runId, 'intent'))) === undefined) return true;
    const ended = await audit.find(auditKey(started, runId, 'outcome'));
    // A change that was made, and reversed by somebody else before it could be verified, was made.
    if (ended?.reason === 'changed-again') return false;
    return ended?.outcome === 'retry' || ended?.outcome === 'abandoned';
  }

  #persons(): number {
    return this.#pass.context.settings.safety.approvals.persons;
  }

  /** The fix may be made; an approval is used up for its run, before anything else is written. */
  async #clear(decision: Decision): Promise<Decided> {
    const { context, target } = this.#pass;
    const runId = this.#open.run?.runId ?? context.newRunId(this.#now);
    const stored = this.#approval;
    if (decision.reason !== 'approved' || stored === undefined) return { decision, memory: this.#memory, runId };
    const { approval, etag } = stored;
    if (approval.runId !== runId && !(await context.approvals.use(target, approval, etag, runId))) {
      const lost: Decision = { decision: 'await-approval', reason: 'mode-approve' };
      return { decision: lost, memory: this.#memory };
    }
    return { decision, memory: this.#memory, runId, approvedBy: people(approval.by, approval.secondBy) };
  }
}

function people(by: string, secondBy: string | undefined): string {
  return secondBy === undefined ? by : `${by} and ${secondBy}`;
}
