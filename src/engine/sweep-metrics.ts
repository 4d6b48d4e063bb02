import { decisionNames, type Finding } from '../findings/findings.ts';
import type { SweepRecord } from '../guards/sweep-record.ts';
import { type MessageKind, messageKinds } from '../poison/message-id.ts';
import { appQueues } from '../work/queue-depths.ts';
import type { EngineContext } from './ports.ts';

/** More messages are not counted: one page of a listing, and nobody reads so many one by one. */
const MOST_MESSAGES = 1000;

/** Tells how a sweep went, what waits, how full the queues are, and how many messages nobody could handle. Never throws: the sweep is over and done. */
export async function measureSweep(
  context: EngineContext,
  record: SweepRecord,
  findings: ReadonlyMap<string, readonly Finding[]>,
): Promise<void> {
  const { metrics } = context;
  const result = record.complete ? 'complete' : 'incomplete';
  const duration = Date.parse(record.finishedAt) - Date.parse(record.startedAt);
  metrics.record({ metric: 'sweeps', value: 1, attributes: { result } });
  metrics.record({ metric: 'sweepDuration', value: duration, attributes: { result } });
  metrics.record({ metric: 'sweepResources', value: record.resources, attributes: {} });
  metrics.record({ metric: 'sweepQueued', value: record.queued, attributes: {} });
  const open = [...findings.values()].flat().filter(({ status }) => status === 'open');
  // Each of them, also with none: a gauge that is not told keeps its last value for whoever looks.
  for (const decision of [...decisionNames, 'none']) {
    const value = open.filter((finding) => (finding.decision ?? 'none') === decision).length;
    metrics.record({ metric: 'findingsOpen', value, attributes: { decision } });
  }
  for (const kind of messageKinds) await measureKept(context, kind);
  for (const queue of appQueues.flatMap((name) => [name, `${name}-poison`])) await measureQueue(context, queue);
}

async function measureQueue({ queueDepths, metrics, log }: EngineContext, queue: string): Promise<void> {
  try {
    metrics.record({ metric: 'queueMessages', value: await queueDepths.of(queue), attributes: { queue } });
  } catch (error) {
    log.warn('messages of a queue cannot be counted', { queue, error: String(error) });
  }
}

async function measureKept({ poison, metrics, log }: EngineContext, kind: MessageKind): Promise<void> {
  try {
    const kept = poison.list(kind)[Symbol.asyncIterator]();
    let value = 0;
    while (value < MOST_MESSAGES && (await kept.next()).done !== true) value += 1;
    metrics.record({ metric: 'messagesKept', value, attributes: { container: kind } });
  } catch (error) {
    log.warn('kept messages cannot be counted', { container: kind, error: String(error) });
  }
}
