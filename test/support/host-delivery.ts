import type { ResourceEvent } from '../../local/azure/events.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { keepPoison } from '../../src/engine/poison.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import type { EngineHarness, QueuedMessage } from './engine-harness.ts';

/** After a handler threw, the host delivers again after this long (host.json: `visibilityTimeout`). */
const AFTER_THROW = 30_000;
/** A message whose process died shows up again when nobody renews its hold any more. */
const AFTER_DEATH = 600_000;
const MAX_DELIVERIES = 5;

type Delivery = { readonly dueAt: number; readonly tries: number } & (
  | { readonly queue: 'resource-events'; readonly event: ResourceEvent }
  | { readonly queue: 'work'; readonly text: string }
  | { readonly queue: 'sweep' }
);

/** How often a message that is still in the queue was delivered in vain. */
const triesOf = new WeakMap<QueuedMessage, number>();

export interface HostOptions {
  /** Did the process of the last invocation die? */
  readonly hasDied?: () => boolean;
  /** Runs a sweep first. */
  readonly sweep?: boolean;
  readonly untilMs?: number;
}

/**
 * Delivers as the Functions host does: a message goes when its handler returns, comes again when it threw or its process died, and is
 * poison after the fifth time. Moves the clock from message to message until nothing is left or the time is over.
 */
export async function runHost(engine: EngineHarness, options: HostOptions = {}): Promise<void> {
  const { hasDied = () => false, sweep = false, untilMs = 24 * 3_600_000 } = options;
  const { clock } = engine;
  const end = clock.now().getTime() + untilMs;
  const waiting: Delivery[] = sweep ? [{ queue: 'sweep', dueAt: 0, tries: 0 }] : [];
  for (;;) {
    waiting.push(...takeNew(engine));
    waiting.sort((a, b) => a.dueAt - b.dueAt);
    const next = waiting.shift();
    if (next === undefined) return;
    if (next.dueAt > end) {
      clock.advance(end - clock.now().getTime());
      giveBack(engine, [next, ...waiting]);
      return;
    }
    clock.advance(Math.max(0, next.dueAt - clock.now().getTime()));
    try {
      await handle(engine, next);
    } catch (error) {
      const tries = next.tries + 1;
      const dueAt = clock.now().getTime() + (hasDied() ? AFTER_DEATH : AFTER_THROW);
      if (tries < MAX_DELIVERIES || next.queue === 'sweep') waiting.push({ ...next, tries, dueAt });
      else await bury(engine, next, String(error));
    }
  }
}

function takeNew({ events, queue, clock }: EngineHarness): readonly Delivery[] {
  const dueAt = clock.now().getTime();
  return [
    ...events.splice(0).map((event): Delivery => ({ queue: 'resource-events', event, dueAt, tries: 0 })),
    ...queue.splice(0).map((message): Delivery => {
      const { text } = message;
      return { queue: 'work', text, dueAt: message.dueAt, tries: triesOf.get(message) ?? 0 };
    }),
  ];
}

/** What the time did not suffice for stays where it was. */
function giveBack(engine: EngineHarness, deliveries: readonly Delivery[]): void {
  for (const delivery of deliveries) {
    if (delivery.queue === 'resource-events') engine.events.push(delivery.event);
    if (delivery.queue !== 'work') continue;
    const message = { text: delivery.text, dueAt: delivery.dueAt, delayMs: 0 };
    triesOf.set(message, delivery.tries);
    engine.queue.push(message);
  }
}

async function handle(engine: EngineHarness, delivery: Delivery): Promise<void> {
  const context = engine.context();
  switch (delivery.queue) {
    case 'resource-events':
      await acceptEvents(context, delivery.event);
      return;
    case 'work':
      await reconcile(context, parseWorkMessage(delivery.text), context.newRunId(context.clock.now()));
      return;
    case 'sweep': {
      const { complete } = await sweepResources(context);
      if (!complete) throw new Error('the sweep is incomplete');
    }
  }
}

async function bury(engine: EngineHarness, delivery: Delivery, why: string): Promise<void> {
  const message: unknown = delivery.queue === 'work' ? JSON.parse(delivery.text) : delivery;
  await keepPoison(engine.context(), delivery.queue, message, why);
}
