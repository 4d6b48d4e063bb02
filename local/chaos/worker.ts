/** One worker process of the chaos run: the product's handlers behind the queue listeners of the local Functions host. */
import { QueueServiceClient } from '@azure/storage-queue';
import { ulid } from 'ulid';
import { acceptEvents } from '../../src/engine/accept.ts';
import { keepPoison } from '../../src/engine/poison.ts';
import type { EngineContext, Log } from '../../src/engine/ports.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import { type Listener, listenToQueue } from '../host/queue-listener.ts';
import { ScaledClock } from './scaled-clock.ts';
import { watchLooks } from './watch-looks.ts';
import { createWorkerContext } from './worker-context.ts';
import { WorkerCommand, WorkerConfig, type WorkerNote } from './worker-messages.ts';

/** Messages of queue `resource-events` that a worker takes at once. */
const EVENT_BATCH = 4;
const MAX_DELIVERIES = 5;
/** After a handler threw; host.json says 30 seconds, and less than one real second is impossible. */
const AFTER_THROW_MS = 1000;
const LONGEST_POLL_MS = 500;
const NOTE_EVERY_MS = 250;

type Handler = (text: string) => Promise<void>;

const config = WorkerConfig.parse(JSON.parse(process.env['CHAOS_WORKER'] ?? ''));
const clock = new ScaledClock(config.paces);
const lines: Record<string, number> = {};
let { outage } = config;
let auditRefused = 0;
const { context, credential } = createWorkerContext({
  clock,
  log: createLog(),
  outage: () => outage,
  onAuditRefused: () => {
    auditRefused += 1;
  },
});
const queues = new QueueServiceClient(context.settings.storage.queue ?? '', credential);

function tell(note: WorkerNote): void {
  process.send?.(note);
}

function count(line: string): void {
  lines[line] = (lines[line] ?? 0) + 1;
}

function createLog(): Log {
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => count(`warn: ${message}`),
    error: (message) => count(`error: ${message}`),
  };
}

/** What can wait is told from time to time. */
function tellCounts(): void {
  if (auditRefused > 0) tell({ type: 'audit-refused', calls: auditRefused });
  auditRefused = 0;
  if (Object.keys(lines).length > 0) tell({ type: 'logged', lines: { ...lines } });
  for (const line of Object.keys(lines)) delete lines[line];
}

async function handleWork(text: string): Promise<void> {
  const message = parseWorkMessage(text);
  const owner = ulid();
  await reconcile(watchLooks(context, owner, tell), message, owner);
  tell({ type: 'left', resource: message.resourceId.key });
}

function poisonHandler(queue: string): Handler {
  return async (text) => {
    await keepPoison(context, queue, parseJson(text), 'every delivery of this message failed');
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function listen(queueName: string, batchSize: number, handle: Handler): Listener {
  return listenToQueue({
    queues,
    queueName,
    receiveVisibilitySeconds: config.heldSeconds,
    settings: {
      batchSize,
      newBatchThreshold: Math.floor(batchSize / 2),
      maxDequeueCount: MAX_DELIVERIES,
      visibilityTimeout: AFTER_THROW_MS,
      maxPollingInterval: LONGEST_POLL_MS,
      messageEncoding: 'base64',
    },
    async invoke({ data }) {
      try {
        await handle(readText(data));
      } catch (error) {
        tell({ type: 'failed', queue: queueName, error: describe(error) });
        throw error;
      }
    },
    log: (level, _category, message) => {
      count(`host ${level}: ${message.split('\n')[0]?.slice(0, 120) ?? ''}`);
    },
  });
}

function readText(data: unknown): string {
  const text: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, 'string') : undefined;
  if (typeof text !== 'string') throw new Error('the message is no text');
  return text;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function sweep(engine: EngineContext): Promise<void> {
  try {
    const { complete, queued } = await sweepResources(engine);
    tell({ type: 'swept', isComplete: complete, queued });
  } catch (error) {
    tell({ type: 'failed', queue: 'sweep', error: describe(error) });
    tell({ type: 'swept', isComplete: false, queued: 0 });
  }
}

const listeners = [
  listen('resource-events', EVENT_BATCH, async (text) => {
    await acceptEvents(context, text);
  }),
  listen('work', config.batchSize, handleWork),
  listen('resource-events-poison', 1, poisonHandler('resource-events')),
  listen('work-poison', 1, poisonHandler('work')),
];
const noting = setInterval(tellCounts, NOTE_EVERY_MS);

process.on('message', (message: unknown) => {
  const command = WorkerCommand.parse(message);
  if (command.type === 'pace') clock.add(command.pace);
  if (command.type === 'outage') outage = command.outage;
  if (command.type === 'sweep') void sweep(context);
  if (command.type === 'stop') void stop();
});
// Without its parent nobody needs it, and nobody else would end it.
process.on('disconnect', () => process.exit());

async function stop(): Promise<void> {
  await Promise.all(listeners.map(async (listener) => await listener.stop()));
  clearInterval(noting);
  tellCounts();
  process.disconnect();
}

tell({ type: 'ready' });
