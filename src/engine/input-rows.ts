import { createHash } from 'node:crypto';
import { auditKey } from '../audit/audit-log.ts';
import type { CauseKind } from '../events/cause.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { resourceColumns } from './audit-rows.ts';
import type { EngineContext } from './ports.ts';

/** Something that came in and led to nothing. */
export interface InputNote {
  readonly reason: string;
  /** What it is about: an id, or the hash of what has none. Told again with the same reason, it is the same row. */
  readonly subject: string;
  /** When it happened, as it says itself; ISO 8601. */
  readonly time?: string | undefined;
  readonly causeKind?: CauseKind;
  readonly causeId?: string | undefined;
  readonly detail?: string;
  readonly resourceId?: ResourceId;
}

const DAY = 24 * 3_600_000;
/** Lists of the audit look back no farther than this behind the time that they are asked for. */
const OLDEST = DAY;
/** Longest text of an id, and of what is wrong, in characters. */
const MAX_ID = 200;
const MAX_DETAIL = 2000;

/**
 * What came in and led to nothing, on record. Batches come again, and a poll finds the same with every sweep, so the key is made of what the row is
 * about, the reason and its own time: it is written once. What is older, or tells no time, has a row for each day on which it comes.
 */
export async function recordInput(
  context: EngineContext,
  { causeId, causeKind, detail, reason, resourceId, subject, time }: InputNote,
): Promise<void> {
  const now = context.clock.now();
  const name = createHash('sha256').update(`${reason}\n${subject}`).digest('hex').slice(0, 32);
  await context.audit.append(auditKey(startOf(time, now), `input-${name}`, 'input'), {
    time: now.toISOString(),
    stage: 'input',
    reason,
    ...(resourceId !== undefined && resourceColumns(resourceId)),
    ...(causeId !== undefined && { causeId: causeId.slice(0, MAX_ID) }),
    ...(causeKind !== undefined && { causeKind }),
    ...(detail !== undefined && { error: detail.slice(0, MAX_DETAIL) }),
    configHash: context.settings.hash,
    version: context.version,
  });
}

/** Its own time, unless it is too old or cannot be; else the beginning of the day. */
function startOf(time: string | undefined, now: Date): Date {
  const age = now.getTime() - Date.parse(time ?? '');
  return new Date(age >= 0 && age <= OLDEST ? now.getTime() - age : now.getTime() - (now.getTime() % DAY));
}
