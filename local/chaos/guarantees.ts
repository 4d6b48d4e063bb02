import { type AuditRecord, runCorrelationId } from '../../src/audit/audit-log.ts';
import type { Finding } from '../../src/findings/findings.ts';
import type { WorkItem } from '../../src/work/work-items.ts';
import type { LoggedRequest } from '../azure/request-log.ts';
import type { Evaluations } from './evaluations.ts';
import { isMutating } from './mutating.ts';

/** What must hold at the end, whatever went wrong on the way. */
export const guarantees = {
  drained: 'everything is done in time',
  'change-read': 'every resource is read after its last change',
  settled: 'every resource is compliant, or its finding says why not',
  'one-outcome': 'every intent has exactly one outcome',
  'intent-first': 'every mutating request has an older intent with the same run id',
  'inside-run': 'no mutating request is younger than the outcome of its run',
  'rotated-once': 'no password is rotated again after a rotation that was verified',
  'one-worker': 'no lease is taken away before it has run out',
  'not-stranded': 'no message leaves the queue while work is left, unless another one is sent',
  'no-lease': 'no lease, open run or waiting cause is left',
  'queues-empty': 'the queues are empty',
  coalesced: 'at most 1.2 evaluations per changed resource, plus retries',
  'workers-alive': 'no worker ends by itself',
} as const;
export type GuaranteeName = keyof typeof guarantees;
export const guaranteeNames: readonly GuaranteeName[] = Object.keys(guarantees).filter((key): key is GuaranteeName =>
  Object.hasOwn(guarantees, key),
);

/** A violation that stands in Azure at the end, as the simulated Azure itself shows it. */
export interface Violation {
  readonly resourceId: string;
  readonly policyId: string;
}

/** All that is looked at when the run is over. */
export interface Evidence {
  readonly isDrained: boolean;
  readonly violations: readonly Violation[];
  /** The policies that `violations` are about. */
  readonly judged: readonly string[];
  readonly findings: readonly Finding[];
  readonly audit: readonly AuditRecord[];
  /** Requests of the product, in the order in which Azure answered them. */
  readonly requests: readonly Pick<LoggedRequest, 'time' | 'method' | 'path' | 'status' | 'correlationId'>[];
  /** When each resource was last changed by somebody else. */
  readonly changes: readonly { readonly resourceId: string; readonly time: Date }[];
  readonly work: readonly WorkItem[];
  /** Messages by queue, waiting ones included. */
  readonly queues: Readonly<Record<string, number>>;
  readonly evaluations: Evaluations;
  /** Resources, each counted once for every burst of changes. */
  readonly changed: number;
  /** Looks that all workers together can take at once. */
  readonly places: number;
  /** Resources whose worker found somebody else in its place, before its lease had run out. */
  readonly robbed: readonly string[];
  /** Resources with work left when the queues were empty: only a sweep finds them. */
  readonly stranded: readonly string[];
  readonly crashes: readonly string[];
}

export interface Broken {
  readonly guarantee: GuaranteeName;
  /** One case. */
  readonly what: string;
}

const MOST_EVALUATIONS = 1.2;
const ROTATION = 'acr-rotate-second-password';
/** Outcomes that end the matter until somebody else acts. */
const FAILED_FOR_GOOD = new Set<string | undefined>([
  'denied',
  'denied-by-policy',
  'locked',
  'failed',
  'not-effective',
  'gave-up',
]);
/** Reasons to defer that a wake-up has to end: with an empty queue nobody would ever come back. */
const PASSING = new Set<string | undefined>([
  'resource-busy',
  'preflight-unavailable',
  'breaker-unavailable',
  'breaker-cap',
  'exemption-unreadable',
]);

/** Every case in which a guarantee does not hold; none = all hold. */
export function findBroken(evidence: Evidence): readonly Broken[] {
  return [
    ...name('drained', evidence.isDrained ? [] : ['work was left when the time was up']),
    ...name('change-read', findUnread(evidence)),
    ...name('settled', findUnsettled(evidence)),
    ...name('one-outcome', findUnpaired(evidence.audit)),
    ...name('intent-first', findUnannounced(evidence)),
    ...name('inside-run', findLate(evidence)),
    ...name('rotated-once', findRepeated(evidence.audit)),
    ...name('one-worker', evidence.robbed),
    ...name('not-stranded', evidence.stranded),
    ...name('no-lease', evidence.work.flatMap(describeLeftover)),
    ...name('queues-empty', findMessages(evidence.queues)),
    ...name('coalesced', findSurplus(evidence)),
    ...name('workers-alive', evidence.crashes),
  ];
}

function name(guarantee: GuaranteeName, cases: readonly string[]): readonly Broken[] {
  return cases.map((what) => ({ guarantee, what }));
}

/** A lost event would leave a change that nobody has looked at. */
function findUnread({ changes, requests }: Evidence): readonly string[] {
  const reads = new Map<string, number>();
  for (const { method, path, status, time } of requests) {
    if (method === 'GET' && status === 200) reads.set(path.toLowerCase(), time.getTime());
  }
  return changes
    .filter(({ resourceId, time }) => (reads.get(resourceId.toLowerCase()) ?? -Infinity) < time.getTime())
    .map(({ resourceId, time }) => `${resourceId}: changed at ${time.toISOString()}, and not read since`);
}

/** Resources, in lower case, that could not be read, decided about or fixed for a day: only a sweep looks at them again. */
export function findGivenUp(audit: readonly AuditRecord[]): ReadonlySet<string> {
  const rows = audit.filter(({ reason, outcome }) => reason === 'gave-up' || outcome === 'gave-up');
  return new Set(rows.map(({ resourceId = '' }) => resourceId.toLowerCase()));
}

/** Why this violation stands, in one word; undefined = nothing on record explains it. */
export function recordedReason(finding: Finding | undefined, givenUp: ReadonlySet<string>): string | undefined {
  if (finding?.status !== 'open') return undefined;
  const { verdict, decision, reason, lastOutcome, resourceId } = finding;
  const isWaiting = verdict !== 'violation' || (decision === 'defer' && PASSING.has(reason));
  if (isWaiting) return givenUp.has(resourceId.toLowerCase()) ? 'gave-up' : undefined;
  if (decision === 'fix') return FAILED_FOR_GOOD.has(lastOutcome) ? lastOutcome : undefined;
  return reason;
}

export function keyOf({ resourceId, policyId }: Violation): string {
  return `${resourceId.toLowerCase()} ${policyId}`;
}

function findUnsettled({ violations, judged, findings, audit }: Evidence): readonly string[] {
  const givenUp = findGivenUp(audit);
  const known = new Map(findings.map((finding) => [keyOf(finding), finding]));
  const standing = new Set(violations.map(keyOf));
  const unexplained = violations
    .map((violation) => ({ key: keyOf(violation), finding: known.get(keyOf(violation)) }))
    .filter(({ finding }) => recordedReason(finding, givenUp) === undefined)
    .map(({ key, finding }) => `${key}: violated, and its finding says ${describeFinding(finding)}`);
  const stale = findings
    .filter((finding) => finding.status === 'open' && !standing.has(keyOf(finding)))
    .filter((finding) => {
      const isOver = judged.includes(finding.policyId) && !givenUp.has(finding.resourceId.toLowerCase());
      return isOver || recordedReason(finding, givenUp) === undefined;
    })
    .map((finding) => `${keyOf(finding)}: nothing explains why its finding is still ${describeFinding(finding)}`);
  return [...unexplained, ...stale];
}

function describeFinding(finding: Finding | undefined): string {
  if (finding === undefined) return 'nothing';
  const { status, verdict, decision, reason, lastOutcome } = finding;
  return [status, verdict, decision, reason, lastOutcome].filter((part) => part !== undefined).join(' ');
}

function findUnpaired(audit: readonly AuditRecord[]): readonly string[] {
  const count = (stage: AuditRecord['stage']) => {
    const counts = new Map<string, number>();
    for (const row of audit) {
      if (row.stage !== stage) continue;
      const id = row.remediationRunId ?? 'no run id';
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  };
  const [intents, outcomes] = [count('intent'), count('outcome')];
  return [...new Set([...intents.keys(), ...outcomes.keys()])]
    .filter((id) => intents.get(id) !== 1 || outcomes.get(id) !== 1)
    .map((id) => `run ${id}: ${intents.get(id) ?? 0} intents, ${outcomes.get(id) ?? 0} outcomes`);
}

/** Rows of one stage by the correlation id that their run's requests carry. */
function rowsByCorrelation(
  audit: readonly AuditRecord[],
  stage: 'intent' | 'outcome',
): ReadonlyMap<string, AuditRecord> {
  return new Map(
    audit.flatMap((row) => {
      const { remediationRunId } = row;
      return row.stage === stage && remediationRunId !== undefined ? [[runCorrelationId(remediationRunId), row]] : [];
    }),
  );
}

function findUnannounced({ audit, requests }: Evidence): readonly string[] {
  const intents = rowsByCorrelation(audit, 'intent');
  return requests.filter(isMutating).flatMap((request) => {
    const intent = intents.get(request.correlationId.toLowerCase());
    if (intent === undefined) return [`${describeRequest(request)}: no intent has its run id`];
    if (!request.path.toLowerCase().startsWith((intent.resourceId ?? '?').toLowerCase()))
      return [
        `${describeRequest(request)}: run ${intent.remediationRunId ?? ''} is about ${intent.resourceId ?? 'nothing'}`,
      ];
    if (Date.parse(intent.time) <= request.time.getTime()) return [];
    return [
      `${describeRequest(request)}: the intent of run ${intent.remediationRunId ?? ''} is younger (${intent.time})`,
    ];
  });
}

function findLate({ audit, requests }: Evidence): readonly string[] {
  const outcomes = rowsByCorrelation(audit, 'outcome');
  return requests.filter(isMutating).flatMap((request) => {
    const outcome = outcomes.get(request.correlationId.toLowerCase());
    if (outcome === undefined || Date.parse(outcome.time) >= request.time.getTime()) return [];
    return [
      `${describeRequest(request)}: run ${outcome.remediationRunId ?? ''} had ended at ${outcome.time} (${outcome.outcome ?? ''})`,
    ];
  });
}

/** A verified rotation is good for 90 days, far longer than any run takes. */
function findRepeated(audit: readonly AuditRecord[]): readonly string[] {
  const rotations = audit.filter(({ remediationId }) => remediationId === ROTATION);
  const intents = rotations.filter(({ stage }) => stage === 'intent');
  return rotations
    .filter(({ outcome }) => outcome === 'fixed')
    .flatMap(({ resourceId = '', time, remediationRunId }) => {
      const again = intents.find((intent) => intent.resourceId === resourceId && intent.time > time);
      if (again === undefined) return [];
      return [
        `${resourceId}: rotated by run ${remediationRunId ?? ''}, and anew by run ${again.remediationRunId ?? ''} at ${again.time}`,
      ];
    });
}

function describeRequest({ method, path, time }: Evidence['requests'][number]): string {
  return `${method} ${path} at ${time.toISOString()}`;
}

function describeLeftover({ resourceId, leaseOwner, run, pending, notBefore }: WorkItem): readonly string[] {
  const left = [
    ...(leaseOwner === undefined ? [] : ['a lease']),
    ...(run === undefined ? [] : [`run ${run.runId}`]),
    ...(pending.length === 0 ? [] : [`${pending.length} causes`]),
    ...(notBefore === undefined ? [] : [`a wait until ${notBefore}`]),
  ];
  return left.length === 0 ? [] : [`${resourceId}: ${left.join(', ')}`];
}

function findMessages(queues: Evidence['queues']): readonly string[] {
  return Object.entries(queues)
    .filter(([, messages]) => messages > 0)
    .map(([queue, messages]) => `${messages} in ${queue}`);
}

/**
 * The right side of the inequality: what the evaluations may come to. As long as the queues are short, whoever is idle looks at once,
 * before the rest of a burst has come in: that is allowed twice for each place.
 */
export function allowedEvaluations({
  evaluations,
  changed,
  places,
}: Pick<Evidence, 'evaluations' | 'changed' | 'places'>): number {
  const { total, fresh } = evaluations;
  return Math.floor(MOST_EVALUATIONS * changed) + 2 * places + (total - fresh);
}

function findSurplus(evidence: Evidence): readonly string[] {
  const { total } = evidence.evaluations;
  const allowed = allowedEvaluations(evidence);
  return total <= allowed ? [] : [`${total} evaluations, and ${allowed} are allowed`];
}
