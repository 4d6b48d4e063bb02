import type { Finding, Revert } from '../findings/findings.ts';
import type { Verdict } from '../policy/define-policy.ts';
import type { SafetySettings } from '../settings/safety-settings.ts';
import type { PendingCause } from '../work/work-items.ts';

/** What a finding remembers about a fight. */
export type WarMemory = Pick<Finding, 'reverts' | 'quarantines' | 'quarantinedUntil'>;

/** A finding that is left alone because somebody keeps undoing the fix. */
export interface Quarantine {
  readonly reason: 'war-with-writer' | 'war-with-many';
  readonly until: Date;
  readonly because: string;
}

/** Most reverts that are remembered; more than any limit. */
const MAX_REVERTS = 40;
/** Quarantines in a row last so long, in hours. */
const QUARANTINE_HOURS: readonly number[] = [1, 4];
const LONGEST_QUARANTINE_HOURS = 24;
/** Most correlation ids that the explanation names. */
const MAX_IDS = 3;

type WarSettings = SafetySettings['war'];

/** The run whose fix held, and is gone with this violation: whoever wrote last has reversed it. */
export function reversedRun(
  previous: Finding | undefined,
  verdict: Verdict,
  settings: WarSettings,
  now: Date,
): string | undefined {
  if (verdict.verdict !== 'violation' || previous?.status !== 'closed' || previous.lastOutcome !== 'fixed')
    return undefined;
  const { lastRunId, reverts = [], lastFixedAt = previous.updated } = previous;
  const isCounted = reverts.some(({ runId }) => runId === lastRunId);
  return isCounted || now.getTime() - Date.parse(lastFixedAt) > settings.windowMs ? undefined : lastRunId;
}

/** The memory with one more reversal of this run, by whoever made the change; may start a quarantine. */
export function countReversal(
  memory: WarMemory,
  runId: string,
  cause: PendingCause | undefined,
  settings: WarSettings,
  now: Date,
): WarMemory {
  const revert: Revert = {
    at: now.toISOString(),
    runId,
    ...(cause?.actor?.id !== undefined && { actor: cause.actor.id }),
    ...(cause?.actor?.application !== undefined && { application: cause.actor.application }),
    ...(cause?.correlationId !== undefined && { correlationId: cause.correlationId.slice(0, 100) }),
  };
  const kept = remembered(memory, settings, now);
  const reverts = [...kept.reverts, revert].slice(-MAX_REVERTS);
  const { quarantines } = kept;
  const isWar = reasonOf(reverts, settings) !== undefined;
  if (!isWar) return { reverts, ...(quarantines > 0 && { quarantines }), ...untilOf(memory) };
  const hours = QUARANTINE_HOURS[quarantines] ?? LONGEST_QUARANTINE_HOURS;
  const until = new Date(now.getTime() + hours * 3_600_000);
  return { reverts, quarantines: quarantines + 1, quarantinedUntil: until.toISOString() };
}

/** After a quarantine everything stays in memory for a window, so that a single reversal by the same writer starts the next, longer one. */
function remembered(memory: WarMemory, { windowMs }: WarSettings, now: Date) {
  const { reverts = [], quarantines = 0, quarantinedUntil } = memory;
  const onProbation = quarantinedUntil !== undefined && now.getTime() < Date.parse(quarantinedUntil) + windowMs;
  if (onProbation) return { reverts, quarantines };
  return { reverts: reverts.filter(({ at }) => now.getTime() - Date.parse(at) <= windowMs), quarantines: 0 };
}

function untilOf({ quarantinedUntil }: WarMemory): WarMemory {
  return quarantinedUntil === undefined ? {} : { quarantinedUntil };
}

/** Who counts as one writer: a principal through one application. */
function writerOf({ actor = 'unknown', application = '' }: Revert): string {
  return `${actor} ${application}`;
}

function ofLastWriter(reverts: readonly Revert[]): readonly Revert[] {
  const last = reverts.at(-1);
  return last === undefined ? [] : reverts.filter((revert) => writerOf(revert) === writerOf(last));
}

function reasonOf(reverts: readonly Revert[], settings: WarSettings): Quarantine['reason'] | undefined {
  if (ofLastWriter(reverts).length >= settings.reverts) return 'war-with-writer';
  return reverts.length >= settings.total ? 'war-with-many' : undefined;
}

/** The quarantine that holds at this moment. */
export function quarantineOf(
  memory: WarMemory,
  settings: WarSettings,
  properties: readonly string[],
  now: Date,
): Quarantine | undefined {
  const { reverts = [], quarantinedUntil } = memory;
  if (quarantinedUntil === undefined || Date.parse(quarantinedUntil) <= now.getTime()) return undefined;
  // A limit that was raised meanwhile does not end a quarantine: only time and an operator do.
  const reason = reasonOf(reverts, settings) ?? 'war-with-many';
  const until = new Date(quarantinedUntil);
  return { reason, until, because: explain(reason, reverts, properties, until) };
}

function explain(
  reason: Quarantine['reason'],
  reverts: readonly Revert[],
  properties: readonly string[],
  until: Date,
): string {
  const counted = reason === 'war-with-writer' ? ofLastWriter(reverts) : reverts;
  const { actor, application } = counted.at(-1) ?? {};
  const who =
    reason === 'war-with-many'
      ? `${new Set(counted.map(writerOf)).size} writers, the last of them ${actor ?? 'unknown'}`
      : (actor ?? 'somebody unknown');
  const ids = counted
    .flatMap(({ correlationId }) => (correlationId === undefined ? [] : [correlationId]))
    .slice(-MAX_IDS);
  return [
    `fixes were reversed ${counted.length} times, last changed by ${who}${application === undefined ? '' : ` through application ${application}`}`,
    ...(ids.length > 0 ? [`correlation ids ${ids.join(', ')}`] : []),
    ...(properties.length > 0 ? [`set ${properties.join(', ')} right at the source`] : []),
    `left alone until ${until.toISOString()}`,
  ].join('; ');
}
