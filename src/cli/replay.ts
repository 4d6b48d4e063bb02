import * as z from 'zod';
import type { AuditKey, AuditRecord } from '../audit/audit-log.ts';
import { DockwardenError, isDockwardenError } from '../errors.ts';
import { decodeMessage } from '../events/decode-message.ts';
import { isTooDeep } from '../events/parse-message.ts';
import { parseResourceId } from '../resources/resource-id.ts';
import { postToApp } from './app-access.ts';
import { awaitRows } from './await-rows.ts';
import { parseElements } from './evaluate.ts';
import type { AppOptions } from './options.ts';
import {
  compareStates,
  type Difference,
  joinCalls,
  type PolicyState,
  stateOfFinding,
  stateOfRow,
} from './replay-difference.ts';
import type { RunFile } from './run-file.ts';
import type { OpenStorage } from './storage-access.ts';
import type { Time } from './terminal.ts';

/** What is to be replayed. */
export type Replayed =
  /** What this row of the audit is about. */
  | { readonly kind: 'row'; readonly id: string; readonly row: AuditRecord & AuditKey }
  /** One event, as it arrived. */
  | { readonly kind: 'event'; readonly message: unknown };

/** Where a replay is asked for. */
export interface ReplayPlace {
  readonly options: AppOptions & { readonly observe?: boolean; readonly reason?: string };
  readonly run: RunFile | undefined;
  /** Only where something is waited for. */
  readonly storage: OpenStorage | undefined;
  readonly time: Time;
}

/** What came of one replay. */
export interface ReplayResult {
  readonly message: string;
  readonly requestId?: string;
  readonly resourceId?: string;
  /** What each policy says, and its plan; only where nothing was to be changed. */
  readonly policies?: readonly Observed[];
  /** Audit rows that it has led to, oldest first. */
  readonly rows?: readonly (AuditRecord & AuditKey)[];
  /** False when the time was up. */
  readonly isFinished?: boolean;
  readonly difference: readonly Difference[];
  /** Has everything gone as it should? */
  readonly isFine: boolean;
}

const state = {
  policyId: z.string(),
  verdict: z.string(),
  evidence: z.string().optional(),
  decision: z.string().optional(),
  reason: z.string().optional(),
};
const Observed = z.object({ ...state, because: z.string().optional(), plan: z.array(z.unknown()) });
type Observed = z.infer<typeof Observed>;

const head = { requestId: z.string(), message: z.string() };
const present = z.array(z.object(state));
const About = z.object({ ...head, resourceId: z.string(), present });
const Shown = z.union([
  z.object({ ...About.shape, policies: z.array(Observed) }),
  z.object({ ...head, event: z.object({ result: z.enum(['ignored', 'invalid']), detail: z.string().optional() }) }),
]);
const Asked = z.object({ ...About.shape, causeId: z.string(), isKnown: z.boolean().optional() });
type Answer = z.infer<typeof Shown> | z.infer<typeof Asked>;

const answers = new Map<number, z.ZodType<Answer>>([
  [200, Shown],
  [202, Asked],
]);

/** Outcomes that are what a fix is for. */
const FINE = new Set<string | undefined>(['fixed', 'already-compliant']);

/** The elements of a file as it arrived: JSON, a JSON object a line, or either in base64, as queues hold it. Throws `INPUT_INVALID_MESSAGE`. */
export function parseArrived(text: string): readonly unknown[] {
  try {
    return parseElements(text);
  } catch (error) {
    const decoded = decodeMessage(text);
    if (!isDockwardenError(error, 'INPUT_INVALID_MESSAGE') || !decoded.ok) throw error;
    return Array.isArray(decoded.value) ? decoded.value : [decoded.value];
  }
}

/** Asks the app to replay one thing, and waits for what comes of it. A refusal is a result; that there is no answer is an error. */
export async function replayOne(place: ReplayPlace, replayed: Replayed): Promise<ReplayResult> {
  const { observe = false, reason } = place.options;
  // Nobody could write it down to send it.
  if (replayed.kind === 'event' && isTooDeep(replayed.message))
    return { message: 'nested too deep to be an event', difference: [], isFine: false };
  const what = replayed.kind === 'row' ? { auditKey: replayed.id } : { message: replayed.message };
  const body = { ...what, observe, ...(reason !== undefined && { reason }) };
  let answer: Answer;
  try {
    answer = await postToApp(place.options, place.run, 'replay', body, answers);
  } catch (error) {
    if (replayed.kind === 'row' || !isRefusal(error)) throw error;
    return { message: error.message, difference: [], isFine: false };
  }
  if ('event' in answer) {
    const { event, message, requestId } = answer;
    const detail = event.detail === undefined ? '' : ` (${event.detail})`;
    return { message: `${message}${detail}`, requestId, difference: [], isFine: event.result === 'ignored' };
  }
  const row = replayed.kind === 'row' ? stateOfRow(replayed.row) : undefined;
  const others = answer.present.filter(({ policyId }) => policyId !== row?.policyId);
  const onRecord: readonly PolicyState[] = row === undefined ? others : [row, ...others];
  const { message, requestId, resourceId } = answer;
  if ('policies' in answer) {
    const now = answer.policies.map(({ plan, ...seen }) => ({ ...seen, calls: joinCalls(JSON.stringify(plan)) }));
    const difference = compareStates(onRecord, now);
    return { message, requestId, resourceId, policies: answer.policies, difference, isFine: true };
  }
  return { message, requestId, resourceId, ...(await awaitLook(place, answer, onRecord)) };
}

function isRefusal(error: unknown): error is DockwardenError {
  return error instanceof DockwardenError && error.code === 'INPUT_INVALID_MESSAGE';
}

async function awaitLook(
  { options, storage, time }: ReplayPlace,
  { causeId, isKnown, resourceId }: z.infer<typeof Asked>,
  onRecord: readonly PolicyState[],
): Promise<Pick<ReplayResult, 'rows' | 'isFinished' | 'difference' | 'isFine'>> {
  if (storage === undefined || isKnown === true) return { difference: [], isFine: true };
  const { rows, isFinished } = await awaitRows(storage.audit, time, {
    requestId: causeId,
    timeoutMs: options.timeout * 1000,
    policyId: undefined,
    // Every policy of the resource is judged: only its row of work says that the look is over.
    isLast: () => false,
    isOver: async () => await isLookOver(storage, resourceId, causeId),
  });
  const findings = await storage.findings.ofResource(parseResourceId(resourceId));
  const difference = compareStates(
    onRecord,
    findings.map(({ item }) => stateOfFinding(item, rows)),
  );
  const isFine = isFinished && rows.every(({ outcome }) => outcome === undefined || FINE.has(outcome));
  return { rows, isFinished, difference, isFine };
}

/** Nobody works on it, and the cause has been looked at: it is done, or waits for a moment that the findings tell. */
async function isLookOver({ work }: OpenStorage, resourceId: string, causeId: string): Promise<boolean> {
  const item = (await work.get(parseResourceId(resourceId)))?.item;
  if (item === undefined || item.run !== undefined || item.leaseOwner !== undefined) return false;
  const waiting = item.pending.find(({ id }) => id === causeId);
  return waiting === undefined || waiting.isSeen === true;
}
