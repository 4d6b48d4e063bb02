import { expect, test } from 'vitest';
import { createRegistry, type RegisteredFunction, type RetryOptions } from '../../local/host/core-module.ts';
import { createInvoker } from '../../local/host/invocation.ts';

/** Runs a function that always fails, and tells how long the host waited before each of its tries. */
async function listDelays(type: string, retryOptions: RetryOptions): Promise<number[]> {
  const delays: number[] = [];
  const registry = createRegistry(() => undefined);
  // A model of the smallest kind: the arguments are empty and the handler throws.
  registry.model = {
    name: 'test',
    version: '1',
    getInvocationModel: () => ({
      getArguments: async () => await Promise.resolve({ context: {}, inputs: [] }),
      invokeFunction: async () => await Promise.reject(new Error('fails')),
      getResponse: async () => await Promise.resolve({}),
    }),
  };
  const target: RegisteredFunction = {
    id: 'failing',
    name: 'failing',
    bindings: { trigger: { type } },
    retryOptions,
    handler: () => undefined,
  };
  const invoker = createInvoker({
    registry,
    log: () => undefined,
    timeoutMs: Number.POSITIVE_INFINITY,
    writeOutputs: async () => await Promise.resolve(),
    onTimeout: () => undefined,
    delay: async (milliseconds) => await Promise.resolve(delays.push(milliseconds)),
  });
  await expect(invoker.invoke(target, { data: { string: '' } })).rejects.toThrow('fails');
  return delays;
}

test('a fixed delay stays the same', async () => {
  const policy = { retryStrategy: 'fixedDelay', maxRetryCount: 3, delayInterval: { seconds: 5 } };

  expect(await listDelays('eventHubTrigger', policy)).toEqual([5_000, 5_000, 5_000]);
});

test('an exponential one doubles from its least to its longest', async () => {
  const policy = {
    retryStrategy: 'exponentialBackoff',
    maxRetryCount: 4,
    minimumInterval: { seconds: 4 },
    maximumInterval: { seconds: '20' },
  };

  expect(await listDelays('eventHubTrigger', policy)).toEqual([4_000, 8_000, 16_000, 20_000]);
});

test('on a queue function the policy does nothing', async () => {
  const policy = { retryStrategy: 'fixedDelay', maxRetryCount: 3, delayInterval: { seconds: 5 } };

  expect(await listDelays('queueTrigger', policy)).toEqual([]);
});
