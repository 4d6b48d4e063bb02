import { formatWorkMessage } from '../events/work-message.ts';
import type { Finding } from '../findings/findings.ts';
import type { Policy } from '../policy/define-policy.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { OpenRun, PendingCause } from '../work/work-items.ts';
import type { Decision } from './decide.ts';
import type { Decided } from './deciding.ts';
import { type EngineContext, LIMITS } from './ports.ts';
import { delayUntil, retryDelay } from './waiting.ts';

/** Longest wait for a resource that Azure is changing, in milliseconds: the end of the change tells nobody else. */
const BUSY_WAIT = 60_000;

/** Something that has to happen later. */
export interface Wait {
  readonly delayMs: number;
  /** A run without an outcome. */
  readonly run?: OpenRun;
  /** The run that ended with `retry`, and its policy. */
  readonly previousRunId?: string;
  readonly previousPolicyId?: string;
  /** Nothing is wrong: Azure is only still changing it. */
  readonly isCompliant?: true;
}

/** Short waits that only a wake-up ends. */
export function waitFor({ decision, error }: Decided, attempt: number): Wait | undefined {
  if (decision.isPassing !== true) return undefined;
  const delayMs = retryDelay(attempt, error);
  return { delayMs: decision.reason === 'resource-busy' ? Math.min(delayMs, BUSY_WAIT) : delayMs };
}

/** The shorter of two waits. */
export function sooner(one: Wait | undefined, other: Wait | undefined): Wait | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.delayMs < one.delayMs ? other : one;
}

interface Looking {
  readonly context: EngineContext;
  readonly target: ResourceId;
  readonly causes: readonly PendingCause[];
  readonly previous: ReadonlyMap<string, Finding>;
}

/**
 * A decision that waits for a known moment gets a look of its own then, once: this one may have come a moment early. A moment more than
 * a day away is found by the sweep, and so is the end of a back-off.
 */
export async function scheduleLook(
  { context, target, causes, previous }: Looking,
  policy: Policy,
  { until, reason }: Decision,
): Promise<void> {
  if (until === undefined || reason === 'backing-off') return;
  const now = context.clock.now();
  const delayMs = until.getTime() - now.getTime();
  const prefix = `look-${policy.id}-`;
  const isAskedFor = previous.get(policy.id)?.notBefore === until.toISOString();
  const isUsedUp = causes.some(({ id }) => id.startsWith(prefix));
  if (delayMs > LIMITS.message || (isAskedFor && !isUsedUp)) return;
  const cause = { kind: 'sweep', id: `${prefix}${context.newRunId(now)}`, time: until.toISOString() } as const;
  await context.queue.send(formatWorkMessage({ resourceId: target, cause }), delayUntil(until, context.clock.now()));
}
