import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { findTrigger, isTriggerType, loadFunctionApp } from '../../local/host/core.ts';
import { startHost } from '../../local/host/process.ts';

function fixture(path: string): string {
  return fileURLToPath(new URL(`./fixtures/${path}`, import.meta.url));
}

describe('loading an app in this process', () => {
  test('an entry file gives the table of registrations, with an empty environment', async () => {
    const { functions, loadError } = await loadFunctionApp(fixture('app/main.cjs'), { environment: {} });

    expect(loadError).toBeUndefined();
    expect(functions.map(({ name }) => name)).toContain('onMessage');
    const onMessage = functions.find(({ name }) => name === 'onMessage');
    expect(onMessage && findTrigger(onMessage)).toMatchObject({
      name: expect.stringMatching(/^queueTrigger/u),
      binding: { type: 'queueTrigger', direction: 'in', queueName: '%WORK_QUEUE%', connection: 'AzureWebJobsStorage' },
    });
    expect(onMessage && isTriggerType(onMessage, 'QueueTrigger')).toBe(true);
    expect(functions.find(({ name }) => name === 'tick')?.retryOptions).toMatchObject({ maxRetryCount: 1 });
  });

  test('a second load registers everything again', async () => {
    const first = await loadFunctionApp(fixture('app'));
    const second = await loadFunctionApp(fixture('app'));

    expect(second.functions.map(({ name }) => name)).toEqual(first.functions.map(({ name }) => name));
    expect(second.functions).toHaveLength(20);
  });

  test('the environment is replaced for the import only', async () => {
    const before = { ...process.env };

    const { functions, loadError } = await loadFunctionApp(fixture('throwing'), {
      environment: { REQUIRED_SETTING: 'x' },
    });

    expect(loadError).toBeUndefined();
    expect(functions).toHaveLength(2);
    expect(process.env).toEqual(before);
  });

  test('an exception at import leaves no function, whatever was registered before', async () => {
    const { functions, loadError } = await loadFunctionApp(fixture('throwing'), { environment: {} });

    expect(functions).toEqual([]);
    expect(String(loadError)).toContain('REQUIRED_SETTING is missing');
  });

  test('the entry may be a glob, over CommonJS and ES modules', async () => {
    const { functions, loadError } = await loadFunctionApp(fixture('globbed'));

    expect(loadError).toBeUndefined();
    expect(functions.map(({ name }) => name)).toEqual(['one', 'two']);
  });

  test('a folder without an entry is an error, not a crash', async () => {
    const { functions, loadError } = await loadFunctionApp(fixture('globbed/functions'));

    expect(functions).toEqual([]);
    expect(loadError).toBeInstanceOf(Error);
  });
});

describe('a host whose app throws at import', () => {
  test('runs with zero functions, and its log says why', async () => {
    const host = await startHost({ app: fixture('throwing'), env: {} });

    const functions = await host.functions();
    const { message } = await host.waitForLog(({ level }) => level === 'Error');
    await host.kill();

    expect(functions).toEqual([]);
    expect(message).toContain('REQUIRED_SETTING is missing');
  });
});
