import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newestApiVersion } from '../../local/azure/newest-api-version.ts';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { createClientEnvironment, formatExports } from '../../local/client-environment.ts';
import { findRun, type RunFile, removeRunFile, writeRunFile } from '../../local/run-file.ts';
import { scenarios } from '../../local/scenario/catalogue.ts';
import { DEFAULT_SCENARIO, parseStartOptions, usage } from '../../local/start-options.ts';

const run: RunFile = {
  pid: process.pid,
  arm: 'https://localhost:1',
  caFile: "/somewhere/o'neil/ca.pem",
  identities: { operator: { endpoint: 'http://127.0.0.1:2/operator/msi/token', header: 'secret' } },
  functions: 'http://127.0.0.1:1',
  storage: {
    blob: 'https://localhost:3/a',
    queue: 'https://localhost:4/a',
    table: 'https://localhost:5/a',
    account: 'a',
  },
  subscriptionId: '00000000-0000-4000-8000-000000000001',
};

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dockwarden-run-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('options of npm start', () => {
  test('have defaults', () => {
    expect(parseStartOptions([])).toMatchObject({ once: false, help: false, port: undefined, armPort: undefined });
  });

  test.each(['drift', 'alert', 'keys', 'upgrade'] as const)('take scenario %s, with and without an end', (scenario) => {
    expect(parseStartOptions(['--scenario', scenario])).toMatchObject({ once: false, scenario });
    expect(parseStartOptions(['--once', `--scenario=${scenario}`])).toMatchObject({ once: true, scenario });
  });

  test('play nothing unless told to', () => {
    expect(parseStartOptions(['--once']).scenario).toBeUndefined();
    expect(DEFAULT_SCENARIO).toBe('drift');
  });

  test('name every scenario with what it shows', () => {
    for (const [name, { summary }] of Object.entries(scenarios))
      expect(usage).toMatch(new RegExp(`^  ${name} +${summary}`, 'm'));
  });

  test('take ports', () => {
    expect(parseStartOptions(['--once', '--port', '8071', '--arm-port=8443'])).toMatchObject({
      once: true,
      port: 8071,
      armPort: 8443,
    });
  });

  test.each([
    [['--bogus'], '--bogus'],
    [['extra'], 'extra'],
    [['--port', 'x'], "not 'x'"],
    [['--port', '0'], "not '0'"],
    [['--arm-port', '65536'], "not '65536'"],
    [['--port'], '--port'],
    [['--scenario', 'alarm'], "one of drift, alert, keys, upgrade, not 'alarm'"],
    [['--scenario', 'toString'], "not 'toString'"],
    [['--scenario', ''], "not ''"],
    [['--scenario'], '--scenario'],
    [['--port', '8071', '--arm-port', '8071'], 'must differ'],
  ])('refuse %j', (args, message) => {
    expect(() => parseStartOptions(args)).toThrow(message);
  });
});

test.each(['//example.com/x', '/\\\\example.com/x'])('a raw request to another server is refused: %s', async (path) => {
  const command = promisify(execFile)(process.execPath, ['local/azure-command.ts', 'GET', path]);

  await expect(command).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('another server') });
});

describe('run.json', () => {
  test.each([
    ['is missing', undefined],
    ['is no JSON', '{'],
    ['has other content', '{"pid":1}'],
    ['names a process that does not answer', JSON.stringify(run)],
    ['names a process that is gone', JSON.stringify({ ...run, pid: 2 ** 30 })],
  ])('counts as no run when it %s', async (_why, text) => {
    if (text !== undefined) await writeFile(join(directory, 'run.json'), text);

    expect(await findRun(directory)).toBeUndefined();
    await removeRunFile(directory);
  });

  test('that is missing can be removed', async () => {
    await writeRunFile(directory, run);
    await removeRunFile(directory);

    await expect(removeRunFile(directory)).resolves.toBeUndefined();
  });
});

describe('the environment for other clients', () => {
  test('is what az and the SDKs read, as lines that a shell takes', async () => {
    const environment = createClientEnvironment(run, 'operator', directory) ?? {};
    const { stdout } = await promisify(execFile)('sh', [
      '-c',
      `${formatExports(environment)}\nprintf '%s' "$REQUESTS_CA_BUNDLE $MSI_SECRET $IDENTITY_ENDPOINT"`,
    ]);

    expect(stdout).toBe(`${run.caFile} secret http://127.0.0.1:2/operator/msi/token`);
    expect(environment['AZURE_CONFIG_DIR']?.startsWith(directory)).toBe(true);
  });

  test('exists for known identities only', () => {
    expect(createClientEnvironment(run, 'nobody', directory)).toBeUndefined();
  });
});

test.each([
  ['/subscriptions', '2022-09-01'],
  [sampleId('contosoacr'), '2025-11-01'],
  [`${sampleId('aks-prod')}/providers/Microsoft.Resources/tags/default`, '2022-09-01'],
  ['/nonsense', ''],
])('the newest api-version of %s is %s', (path, version) => {
  expect(newestApiVersion(path)).toBe(version);
});
