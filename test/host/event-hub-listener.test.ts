import { expect, test } from 'vitest';
import type { EventHubCheckpoints } from '../../local/host/event-hub-checkpoints.ts';
import type { ReceivedEvent } from '../../local/host/event-hub-input.ts';
import { type EventHubListenerOptions, listenToEventHub } from '../../local/host/event-hub-listener.ts';
import type { EventHubReader } from '../../local/host/event-hub-reader.ts';

const hub = { fullyQualifiedNamespace: 'localhost:1', eventHubName: 'alerts', consumerGroup: '$Default' };

function event(sequenceNumber: number): ReceivedEvent {
  const body = `event ${sequenceNumber}`;
  return { body, sequenceNumber, offset: '0', enqueuedTimeUtc: '2026-11-23T10:00:00Z', properties: {} };
}

/** One partition with events 0 to 3; when they are read, a read waits for the stop. */
function createReader(failures: Error[] = []): EventHubReader {
  return {
    partitionIds: async () => await Promise.resolve(['0']),
    async read(_partitionId, after, max, signal) {
      const failure = failures.shift();
      if (failure) throw failure;
      const found = [0, 1, 2, 3].filter((number) => number > after).slice(0, max);
      if (found.length > 0) return found.map(event);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw signal.reason;
    },
  };
}

interface Kept extends EventHubCheckpoints {
  readonly written: number[];
}

function createCheckpoints(start?: number): Kept {
  const written: number[] = [];
  return {
    written,
    read: async () => await Promise.resolve(written.at(-1) ?? start),
    async write(_partition, { sequenceNumber }) {
      written.push(sequenceNumber);
      await Promise.resolve();
    },
  };
}

function listen(options: Partial<EventHubListenerOptions>) {
  const lines: string[] = [];
  const listener = listenToEventHub({
    hub,
    reader: createReader(),
    checkpoints: createCheckpoints(),
    isBatched: true,
    maxEventBatchSize: 2,
    invoke: async () => await Promise.resolve(),
    log: (_level, _category, message) => lines.push(message),
    ...options,
  });
  return { listener, lines };
}

test('batches of a partition run one after the other, each followed by its checkpoint, failed or not', async () => {
  const checkpoints = createCheckpoints();
  const steps: string[] = [];
  const { listener } = listen({
    checkpoints,
    async invoke({ data }) {
      steps.push(`${data.collectionString?.string.join()} after ${checkpoints.written.join()}`);
      await Promise.reject(new Error('fails'));
    },
  });

  await expect.poll(() => checkpoints.written).toEqual([1, 3]);
  await listener.stop();

  expect(steps).toEqual(['event 0,event 1 after ', 'event 2,event 3 after 1']);
});

test('it goes on behind the checkpoint', async () => {
  const checkpoints = createCheckpoints(2);
  const bodies: (string | undefined)[] = [];
  const { listener } = listen({
    checkpoints,
    isBatched: false,
    async invoke({ data }) {
      await Promise.resolve(bodies.push(data.string));
    },
  });

  await expect.poll(() => checkpoints.written).toEqual([3]);
  await listener.stop();

  expect(bodies).toEqual(['event 3']);
});

test('failed reads are repeated with pauses that double, from 100 ms to 10 s', async () => {
  const checkpoints = createCheckpoints();
  const pauses: number[] = [];
  const failures = Array.from({ length: 9 }, () => new Error('out of order'));
  const { lines, listener } = listen({
    checkpoints,
    reader: createReader(failures),
    delay: async (milliseconds) => await Promise.resolve(pauses.push(milliseconds)),
  });

  await expect.poll(() => checkpoints.written).toEqual([1, 3]);
  await listener.stop();

  expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  expect(lines).toEqual(Array.from({ length: 9 }, () => "Event Hub 'alerts': out of order"));
});

test('a stop ends the wait for another try', async () => {
  const waiting = Promise.withResolvers<void>();
  const { listener } = listen({
    reader: createReader([new Error('out of order')]),
    log: () => waiting.resolve(),
  });
  await waiting.promise;

  await expect(listener.stop()).resolves.toBeUndefined();
});

test.each([true, false])('what ends after the stop leaves no checkpoint (batched: %s)', async (isBatched) => {
  const checkpoints = createCheckpoints();
  const [started, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const calls: unknown[] = [];
  const { listener } = listen({
    checkpoints,
    isBatched,
    async invoke(input) {
      calls.push(input);
      started.resolve();
      await gate.promise;
    },
  });

  await started.promise;
  const stopped = listener.stop();
  gate.resolve();
  await stopped;

  expect(calls).toHaveLength(1);
  expect(checkpoints.written).toEqual([]);
});
