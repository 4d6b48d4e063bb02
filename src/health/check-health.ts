import { DockwardenError, isDockwardenError } from '../errors.ts';
import type { SweepRecord } from '../guards/sweep-record.ts';
import { describeSchema, type SchemaState } from '../storage/schema.ts';
import type { QueueLength } from '../work/queue-length.ts';
import { findSweepProblems } from './find-sweep-problems.ts';
import type { HealthCode, HealthReason } from './reasons.ts';

/** What the app depends on. Each call may fail, and may take for ever. */
export interface Dependencies {
  /** By name: rejects while rows of the table cannot be read. */
  readonly tables: Readonly<Record<string, () => Promise<unknown>>>;
  /** By name: undefined = there is no such queue. */
  readonly queues: Readonly<Record<string, () => Promise<QueueLength | undefined>>>;
  /** By container: how many messages are kept in it, `most` at most. */
  readonly kept: Readonly<Record<string, (most: number) => Promise<number>>>;
  /** Rejects while there is no token for Azure Resource Manager. */
  readonly getToken: (signal: AbortSignal) => Promise<unknown>;
  readonly lastSweep: () => Promise<SweepRecord | undefined>;
  readonly schema: () => Promise<SchemaState>;
}

/** What was found out about them. */
export interface DependencyHealth {
  readonly reasons: readonly HealthReason[];
  /** Messages in each queue, also those that wait for their time. */
  readonly queues: Readonly<Record<string, number>>;
  /** Messages that wait in a container for a person; 100 = so many or more. */
  readonly kept: Readonly<Record<string, number>>;
  readonly lastSweep: SweepRecord | undefined;
}

export interface CheckOptions {
  readonly now: () => Date;
  readonly sweepSchedule: string | undefined;
  /** Longest wait for each answer, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * More messages than this are not worked off: an instance takes twelve at a time, so even slow ones are done within the hour. Messages that wait
 * for their time count as well, because Azure counts them.
 */
export const LONGEST_QUEUE = 10_000;
/** A function takes what comes to a poison queue within seconds. What lies there for longer than this nobody takes. */
const POISON_AGE = 15 * 60_000;
/** So many messages in a container are counted. */
const MOST_KEPT = 100;
/** Queues that the app makes itself when it first sends to one, or the host does when a message first fails. */
const MADE_WHEN_NEEDED = /^(?:work|tickets|events)$|-poison$/;

const ROLES =
  "Check the app's roles on the storage account, its firewall, and that the template was deployed as a whole.";

/** Asks everything at once; what does not answer in time, or fails, hides nothing of the others. Never rejects. */
export async function checkDependencies(
  dependencies: Dependencies,
  { now, sweepSchedule, timeoutMs }: CheckOptions,
): Promise<DependencyHealth> {
  const reasons: HealthReason[] = [];
  async function ask<T>(
    code: HealthCode,
    about: string | undefined,
    advice: string,
    question: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await within(timeoutMs, question);
    } catch (error) {
      reasons.push({ code, ...(about !== undefined && { about }), message: `${describeError(error)}. ${advice}` });
      return undefined;
    }
  }

  const [schema, lastSweep, queues, kept] = await Promise.all([
    ask('schema-unknown', undefined, ROLES, dependencies.schema),
    ask('sweep-unknown', undefined, ROLES, async () => ({ record: await dependencies.lastSweep() })),
    askAll(dependencies.queues, async (name, read) => {
      const found = await ask('queue-unavailable', name, ROLES, async () => ({ length: await read() }));
      if (found !== undefined) reasons.push(...findQueueProblems(name, found.length, now()));
      return found?.length?.messages;
    }),
    askAll(
      dependencies.kept,
      async (name, count) => await ask('blob-unavailable', name, ROLES, async () => await count(MOST_KEPT)),
    ),
    askAll(dependencies.tables, async (name, read) => await ask('table-unavailable', name, ROLES, read)),
    ask(
      'identity-unavailable',
      undefined,
      'Check DOCKWARDEN_CLIENT_ID, and that the identity is assigned to the app.',
      dependencies.getToken,
    ),
  ]);

  const wrongSchema = schema && describeSchema(schema);
  if (wrongSchema !== undefined) reasons.push({ code: wrongSchema.problem, message: wrongSchema.message });
  if (lastSweep !== undefined) {
    const createdAt = schema === undefined || schema.state === 'unreadable' ? undefined : schema.createdAt;
    const facts = { schedule: sweepSchedule, last: lastSweep.record, createdAt };
    reasons.push(...findSweepProblems(facts, now()));
  }
  return { reasons: reasons.toSorted(byCode), queues, kept, lastSweep: lastSweep?.record };
}

/** Waits no longer than this, whatever the question does. */
async function within<T>(timeoutMs: number, question: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs);
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => {
    reject(new DockwardenError('STORAGE_UNAVAILABLE', `There was no answer within ${timeoutMs / 1000} seconds`));
  });
  return await Promise.race([question(signal), timeout]);
}

/** The answers that are numbers, by name. */
async function askAll<Q>(
  questions: Readonly<Record<string, Q>>,
  ask: (name: string, question: Q) => Promise<unknown>,
): Promise<Readonly<Record<string, number>>> {
  const answers = await Promise.all(
    Object.entries(questions).map(async ([name, question]) => [name, await ask(name, question)] as const),
  );
  return Object.fromEntries(answers.flatMap(([name, value]) => (typeof value === 'number' ? [[name, value]] : [])));
}

function findQueueProblems(about: string, length: QueueLength | undefined, now: Date): readonly HealthReason[] {
  if (length === undefined) {
    if (MADE_WHEN_NEEDED.test(about)) return [];
    const message = `There is no queue ${about}, so Event Grid cannot deliver. Deploy the template again.`;
    return [{ code: 'queue-missing', about, message }];
  }
  const { messages, oldestSentAt } = length;
  if (!about.endsWith('-poison')) {
    if (messages <= LONGEST_QUEUE) return [];
    const message = `Queue ${about} holds ${messages} messages, more than ${LONGEST_QUEUE}. Look at the invocations of the function that reads it, and at the limit of instances.`;
    return [{ code: 'queue-too-long', about, message }];
  }
  if (oldestSentAt === undefined || now.getTime() - oldestSentAt.getTime() <= POISON_AGE) return [];
  const message = `A message of ${oldestSentAt.toISOString()} stays in queue ${about}: the function that reads it does not run, or cannot read it. Look at it with Storage Explorer, and delete it or put it back as base64.`;
  return [{ code: 'poison-not-taken', about, message }];
}

/** What an error of ours says; of others only the kind, because nobody has looked at what they say. */
function describeError(error: unknown): string {
  if (isDockwardenError(error)) return error.message;
  return error instanceof Error ? `It failed with ${error.name}` : 'It failed';
}

function byCode(one: HealthReason, other: HealthReason): number {
  return `${one.code} ${one.about ?? ''}`.localeCompare(`${other.code} ${other.about ?? ''}`);
}
