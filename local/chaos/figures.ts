import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { formatTable } from '../../src/cli/format-table.ts';
import type { Evaluations } from './evaluations.ts';
import type { FateCounts } from './fates.ts';
import {
  allowedEvaluations,
  type Broken,
  type Evidence,
  findGivenUp,
  guaranteeNames,
  guarantees,
  keyOf,
  recordedReason,
} from './guarantees.ts';
import { isMutating } from './mutating.ts';

/** What was counted besides the evidence. */
export interface Counts {
  readonly resources: number;
  readonly events: number;
  readonly duplicates: number;
  readonly ownEvents: number;
  readonly workers: number;
  readonly killsPlanned: number;
  readonly killed: number;
  readonly auditRefused: number;
  readonly sweeps: number;
  readonly longestQueue: number;
  readonly handlerFailures: number;
  readonly poisoned: number;
  readonly reads: FateCounts;
  readonly writes: FateCounts;
  readonly realMs: number;
  readonly clockMs: number;
  /** Lines of the product's log at `warn` and `error`, and those of the queue listeners. */
  readonly log: Readonly<Record<string, number>>;
}

/** How a chaos run came out. */
export interface ChaosReport {
  readonly seed: string;
  readonly passed: boolean;
  readonly broken: readonly Broken[];
  /** What should have gone wrong and did not: then the run proves nothing. */
  readonly missing: readonly string[];
  readonly figures: Figures;
}

export interface Figures extends Counts {
  readonly compliant: number;
  /** Resources that are not, by recorded reason. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly evaluations: Evaluations;
  readonly changed: number;
  readonly allowedEvaluations: number;
  readonly requests: number;
  readonly mutatingRequests: number;
  readonly runs: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Runs that no event had called for. */
  readonly begunBySweeps: number;
  /** Runs that a second worker ended. */
  readonly resumed: number;
  readonly auditRows: number;
}

export function createReport(seed: string, evidence: Evidence, counts: Counts, broken: readonly Broken[]): ChaosReport {
  const missing = findMissing(counts);
  return {
    seed,
    passed: broken.length === 0 && missing.length === 0,
    broken,
    missing,
    figures: {
      ...counts,
      ...countStates(evidence, counts.resources),
      evaluations: evidence.evaluations,
      changed: evidence.changed,
      allowedEvaluations: allowedEvaluations(evidence),
      requests: evidence.requests.length,
      mutatingRequests: evidence.requests.filter(isMutating).length,
      ...countRuns(evidence.audit),
    },
  };
}

/** A run in which nothing went wrong shows nothing. */
export function findMissing(
  counts: Pick<Counts, 'killed' | 'killsPlanned' | 'auditRefused' | 'duplicates' | 'reads' | 'writes'>,
): readonly string[] {
  const { killed, killsPlanned, auditRefused, duplicates, reads, writes } = counts;
  const met = (...fates: readonly (keyof FateCounts)[]) => fates.some((fate) => reads[fate] + writes[fate] > 0);
  return [
    ...(killed < killsPlanned ? [`only ${killed} of ${killsPlanned} workers were killed`] : []),
    ...(auditRefused === 0 ? ['nobody needed the audit table while it was down'] : []),
    ...(duplicates === 0 ? ['no event came twice'] : []),
    ...(met('throttled', 'throttled-wait') ? [] : ['no request was throttled']),
    ...(met('error', 'gateway') ? [] : ['no request failed']),
    ...(met('busy') ? [] : ['no resource was busy']),
    ...(met('lost', 'answer-lost') ? [] : ['no answer was lost']),
  ];
}

function countStates({ violations, findings, audit }: Evidence, resources: number) {
  const givenUp = findGivenUp(audit);
  const known = new Map(findings.map((finding) => [keyOf(finding), finding]));
  const reasons = violations.map((violation) => recordedReason(known.get(keyOf(violation)), givenUp) ?? 'no reason');
  return { compliant: resources - violations.length, reasons: countBy(reasons) };
}

function countRuns(audit: readonly AuditRecord[]) {
  const outcomes = audit.filter(({ stage }) => stage === 'outcome');
  const intents = audit.filter(({ stage }) => stage === 'intent');
  return {
    runs: intents.length,
    begunBySweeps: intents.filter(({ causeKind }) => causeKind === 'sweep').length,
    outcomes: countBy(outcomes.map(({ outcome = 'none' }) => outcome)),
    resumed: outcomes.filter(({ reason }) => reason === 'verified-after-restart').length,
    auditRows: audit.length,
  };
}

function countBy(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of words.toSorted()) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** Cases of one guarantee that are shown. */
const MOST_CASES = 5;

/** The report for people. */
export function formatReport({ seed, broken, missing, passed, figures }: ChaosReport): string {
  const names = new Set(broken.map(({ guarantee }) => guarantee));
  const verdicts = guaranteeNames.map((guarantee) => [
    guarantees[guarantee],
    names.has(guarantee) ? 'BROKEN' : 'holds',
  ]);
  const cases = guaranteeNames.flatMap((guarantee) => {
    const own = broken.filter((found) => found.guarantee === guarantee);
    if (own.length === 0) return [];
    const more = own.length > MOST_CASES ? [`  and ${own.length - MOST_CASES} more`] : [];
    return [`broken: ${guarantees[guarantee]}`, ...own.slice(0, MOST_CASES).map(({ what }) => `  ${what}`), ...more];
  });
  return [
    formatTable(['figure', 'value'], describeFigures(figures)),
    '',
    formatTable(['guarantee', ''], verdicts),
    '',
    ...cases,
    ...missing.map((what) => `proves nothing: ${what}`),
    `chaos run with seed ${seed}: ${passed ? 'every guarantee holds' : 'FAILED'}`,
  ].join('\n');
}

function describeFigures(figures: Figures): readonly (readonly [string, string])[] {
  const { evaluations, reads, writes } = figures;
  return [
    ['resources', `${figures.resources} (${figures.changed} changes, a burst of one resource counted once)`],
    [
      'events sent',
      `${figures.events}, ${figures.duplicates} of them duplicates; own writes besides: ${figures.ownEvents}`,
    ],
    ['at the end', `${figures.compliant} compliant; ${list(figures.reasons)}`],
    [
      'evaluations',
      `${evaluations.total}, allowed ${figures.allowedEvaluations}: ${evaluations.fresh} for new events (${(evaluations.fresh / figures.changed).toFixed(2)} per change), ${evaluations.waited} after a wait, ${evaluations.takenOver} taken over, ${evaluations.again} after storage failed, ${evaluations.asked} asked for by sweeps and decisions`,
    ],
    [
      'runs',
      `${figures.runs}: ${list(figures.outcomes)}; ${figures.begunBySweeps} begun by a sweep, ${figures.resumed} ended by another worker than began them`,
    ],
    ['requests to Azure', `${figures.requests}, ${figures.mutatingRequests} of them mutating`],
    ['fates of reads', describeFates(reads)],
    ['fates of writes', describeFates(writes)],
    ['workers', `${figures.workers}; killed: ${figures.killed} of ${figures.killsPlanned}`],
    ['audit table', `${figures.auditRows} rows; ${figures.auditRefused} calls refused while it was down`],
    ['sweeps', `${figures.sweeps}`],
    ['longest queue', `${figures.longestQueue} messages`],
    ['handlers that threw', `${figures.handlerFailures}; messages given up: ${figures.poisoned}`],
    ['warnings', list(figures.log)],
    ['time', `${formatMinutes(figures.realMs)}, ${(figures.clockMs / 3_600_000).toFixed(1)} h on the product's clock`],
  ];
}

function formatMinutes(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function describeFates(counts: FateCounts): string {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const share = (count: number) => `${((100 * count) / Math.max(1, total)).toFixed(1)} %`;
  return Object.entries(counts)
    .map(([fate, count]) => `${fate} ${share(count)}`)
    .join(', ');
}

function list(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  return entries.length === 0 ? 'none' : entries.map(([name, count]) => `${name} ${count}`).join(', ');
}
