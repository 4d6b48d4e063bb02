import { setTimeout as sleep } from 'node:timers/promises';
import type { DequeuedMessageItem, QueueClient, QueueServiceClient } from '@azure/storage-queue';
import type { TriggerInput } from './invocation.ts';
import { describeError, type Log } from './log.ts';
import { decodeMessage } from './queue-message.ts';
import type { HostConfiguration } from './settings.ts';

export interface QueueListenerOptions {
  readonly queues: QueueServiceClient;
  readonly queueName: string;
  readonly settings: HostConfiguration['extensions']['queues'];
  /** Seconds a message stays invisible while its function runs; renewed at half of it. Azure: 600. */
  readonly receiveVisibilitySeconds: number;
  readonly invoke: (input: TriggerInput) => Promise<unknown>;
  readonly log: Log;
}

/** Something that brings work in until it is stopped. */
export interface Listener {
  /** Takes no more work; settles when what it had taken is finished. */
  stop(): Promise<void>;
}

const firstPollDelayMs = 100;

/**
 * Polls one queue as the storage extension does: a batch at a time, the next one when few enough messages are in
 * work, with a growing delay while the queue is empty or missing.
 */
export function listenToQueue(options: QueueListenerOptions): Listener {
  const stopping = new AbortController();
  const queue = options.queues.getQueueClient(options.queueName);
  const polling = pollQueue(options, queue, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await polling;
    },
  };
}

async function pollQueue(options: QueueListenerOptions, queue: QueueClient, stopping: AbortSignal): Promise<void> {
  const { settings, log } = options;
  const newBatchThreshold = settings.newBatchThreshold ?? Math.floor(settings.batchSize / 2);
  const inWork = new Set<Promise<void>>();
  let delay = firstPollDelayMs;
  while (!stopping.aborted) {
    const messages = await receiveBatch(options, queue);
    if (stopping.aborted) {
      await giveBack(queue, messages);
      break;
    }
    for (const message of messages) {
      const work: Promise<void> = processMessage(options, queue, message)
        .catch((error: unknown) => {
          log('Error', 'Host.Listener', `Queue '${options.queueName}': ${describeError(error)}`);
        })
        .finally(() => inWork.delete(work));
      inWork.add(work);
    }
    while (inWork.size > newBatchThreshold && !stopping.aborted) await Promise.race(inWork);
    if (messages.length > 0) {
      delay = firstPollDelayMs;
      continue;
    }
    await sleep(delay, undefined, { signal: stopping }).catch(() => {}); // an abort only ends the wait
    delay = Math.min(delay * 2, settings.maxPollingInterval);
  }
  await Promise.all(inWork);
}

/** What arrived after the stop is visible again at once, for whoever runs next. */
async function giveBack(queue: QueueClient, messages: readonly DequeuedMessageItem[]): Promise<void> {
  for (const { messageId, popReceipt } of messages) await queue.updateMessage(messageId, popReceipt, undefined, 0);
}

async function receiveBatch(options: QueueListenerOptions, queue: QueueClient): Promise<DequeuedMessageItem[]> {
  try {
    const { receivedMessageItems } = await queue.receiveMessages({
      numberOfMessages: options.settings.batchSize,
      visibilityTimeout: options.receiveVisibilitySeconds,
    });
    return receivedMessageItems;
  } catch (error) {
    // A missing queue is polled until somebody creates it; the host never does.
    if (!hasCode(error, 'QueueNotFound')) {
      // At every poll until it is over: the message alone, without the stack.
      const reason = error instanceof Error ? error.message : String(error);
      options.log('Warning', 'Host.Listener', `Queue '${options.queueName}': ${reason}`);
    }
    return [];
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function processMessage(
  options: QueueListenerOptions,
  queue: QueueClient,
  message: DequeuedMessageItem,
): Promise<void> {
  const { maxDequeueCount, visibilityTimeout, messageEncoding } = options.settings;
  // A queue that holds poison has no poison queue of its own.
  const hasPoisonQueue = !options.queueName.endsWith('-poison');
  if (hasPoisonQueue && message.dequeueCount > maxDequeueCount) {
    await moveToPoison(options, queue, message, message.popReceipt);
    return;
  }
  const text = decodeMessage(message.messageText, messageEncoding);
  if (text === undefined) {
    options.log('Error', 'Host.Listener', `Queue '${options.queueName}': message ${message.messageId} is not base64.`);
    if (hasPoisonQueue) await moveToPoison(options, queue, message, message.popReceipt);
    return;
  }
  const held = holdMessage(options, queue, message);
  let failed = false;
  try {
    await options.invoke({ data: { string: text }, metadata: describeMessage(message, text) });
  } catch {
    failed = true; // the invoker has logged it
  }
  const popReceipt = await held.release();
  if (!failed) await queue.deleteMessage(message.messageId, popReceipt);
  // Without a poison queue a failed message just stays invisible, so that it cannot spin.
  else if (!hasPoisonQueue) return;
  else if (message.dequeueCount >= maxDequeueCount) await moveToPoison(options, queue, message, popReceipt);
  else await queue.updateMessage(message.messageId, popReceipt, undefined, visibilityTimeout / 1000);
}

function describeMessage(message: DequeuedMessageItem, text: string): Record<string, unknown> {
  return {
    QueueTrigger: text,
    DequeueCount: message.dequeueCount,
    ExpirationTime: message.expiresOn,
    Id: message.messageId,
    InsertionTime: message.insertedOn,
    NextVisibleTime: message.nextVisibleOn,
    PopReceipt: message.popReceipt,
  };
}

/** Keeps a message invisible while its function runs. `release` gives the receipt that is valid by then. */
function holdMessage(options: QueueListenerOptions, queue: QueueClient, message: DequeuedMessageItem) {
  const { receiveVisibilitySeconds } = options;
  let popReceipt = message.popReceipt;
  let renewal = Promise.resolve();
  const renew = async (): Promise<void> => {
    try {
      const renewed = await queue.updateMessage(message.messageId, popReceipt, undefined, receiveVisibilitySeconds);
      popReceipt = renewed.popReceipt ?? popReceipt;
    } catch (error) {
      options.log('Warning', 'Host.Listener', `Renewal failed: ${describeError(error)}`);
    }
  };
  const timer = setInterval(() => {
    renewal = renew();
  }, receiveVisibilitySeconds * 500);
  return {
    async release(): Promise<string> {
      clearInterval(timer);
      await renewal;
      return popReceipt;
    },
  };
}

async function moveToPoison(
  options: QueueListenerOptions,
  queue: QueueClient,
  message: DequeuedMessageItem,
  popReceipt: string,
): Promise<void> {
  const poisonName = `${options.queueName}-poison`;
  const poison = options.queues.getQueueClient(poisonName);
  const reached = `Message has reached MaxDequeueCount of ${options.settings.maxDequeueCount}.`;
  options.log('Warning', 'Host.Listener', `${reached} Moving message to queue '${poisonName}'.`);
  await poison.createIfNotExists();
  await poison.sendMessage(message.messageText);
  await queue.deleteMessage(message.messageId, popReceipt);
}
