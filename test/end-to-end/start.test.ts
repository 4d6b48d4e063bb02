import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { findRun, type RunFile } from '../../local/run-file.ts';
import { ensureBuilt, patient, projectRoot } from './harness.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(file: string, ...args: readonly string[]): Promise<Ended> {
  const ended = spawn(process.execPath, [file, ...args], { cwd: projectRoot, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([text(ended.stdout), text(ended.stderr), once(ended, 'close')]);
  return { code: ended.exitCode, stdout, stderr };
}

describe('npm start', () => {
  let directory: string;
  let child: ChildProcess;
  let output = '';
  let info: RunFile;

  beforeAll(async () => {
    await ensureBuilt();
    directory = await mkdtemp(join(tmpdir(), 'dockwarden-start-'));
    child = spawn(process.execPath, ['local/start.ts', '--directory', directory], { cwd: projectRoot });
    child.stdout?.on('data', (chunk) => {
      output += String(chunk);
    });
    info = await vi.waitFor(async () => {
      const found = await findRun(directory);
      if (found === undefined) throw new Error(`not started yet: ${output}`);
      return found;
    }, patient);
  });
  afterAll(async () => {
    child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  const azure = async (...args: readonly string[]): Promise<Ended> =>
    await run('local/azure-command.ts', '--directory', directory, ...args);

  test('says where everything is, that it enforces, and how to break something that works as printed', () => {
    expect(output).toContain(`Functions host   ${info.functions}`);
    expect(output).toContain(info.arm);
    expect(output).toContain('All remediations are set to enforce here');
    expect(output).toContain('az acr update -n contosoacr --admin-enabled true');
    expect(output).toContain(`npm run -s azure -- PATCH ${sampleId('contosoacr')} '{"properties"`);
    // Without it the printed commands would look into the default folder.
    expect(output).toContain(`$(npm run -s azure -- env --directory '${directory}')`);
    expect(output).toContain(`'{"properties":{"adminUserEnabled":true}}' --directory '${directory}'`);
    expect(output).toContain(`npm run -s dockwarden -- audit list --directory '${directory}'`);
  });

  test('a change by the printed command is put right, and a line says so', async () => {
    const command = /npm run -s azure -- (?<method>[A-Z]+) (?<path>\S+) '(?<body>[^']*)'/.exec(output)?.groups ?? {};

    const changed = await azure(command['method'] ?? '', command['path'] ?? '', command['body'] ?? '');
    await vi.waitFor(() => {
      expect(output).toMatch(
        /contosoacr {7}acr-admin-user-disabled {12}fixed in \d+\.\d s {2}\(last changed by [0-9a-f-]{36}, user\)/,
      );
    }, patient);
    const after = await azure('GET', sampleId('contosoacr'));

    expect(changed.code).toBe(0);
    expect(JSON.parse(changed.stdout)).toMatchObject({ properties: { adminUserEnabled: true } });
    expect(JSON.parse(after.stdout)).toMatchObject({ properties: { adminUserEnabled: false } });
  });

  test('what Azure refuses is printed with its status, and ends with 1', async () => {
    const refused = await azure('--as', 'dockwarden', 'DELETE', sampleId('contosoacr'));

    expect(refused).toMatchObject({ code: 1, stderr: '403 Forbidden\n' });
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'AuthorizationFailed' } });
  });

  test.each([
    [['FETCH', '/subscriptions'], "'FETCH' is neither a method nor env"],
    [['GET', 'subscriptions'], 'the path must start with /'],
    [['PATCH', '/x', '{'], 'the body is not valid JSON'],
    [['--as', 'nobody', 'GET', '/subscriptions'], "not 'nobody'"],
    [['--bogus'], '--bogus'],
  ])('azure %j is wrong usage', async (args, message) => {
    const { code, stderr } = await azure(...args);

    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage: npm run -s azure');
  });

  test('a second one in the same folder is refused', async () => {
    const second = await run('local/start.ts', '--directory', directory);

    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toContain(`runs already (process ${info.pid}`);
  });

  test('a port that is taken is said plainly', async () => {
    const { port } = new URL(info.functions);

    const taken = await run('local/start.ts', '--port', port);

    expect(taken).toMatchObject({ code: 2, stderr: `port ${port} (--port) is taken: choose another\n` });
  });

  test('ends cleanly on a signal, and leaves no run.json; then the command says that nothing runs', async () => {
    const exited = once(child, 'exit');
    child.kill('SIGINT');

    expect(await exited).toEqual([0, null]);
    expect(existsSync(join(directory, 'run.json'))).toBe(false);
    expect(await azure('GET', '/subscriptions')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^nothing is running here: start it with "npm start" in another terminal \(--directory/,
      ),
    });
  });
});

test('help helps, and wrong usage is said on standard error', async () => {
  const help = await run('local/start.ts', '--help');
  const wrong = await run('local/start.ts', '--bogus');
  const unknown = await run('local/start.ts', '--scenario', 'alarm');

  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain('--once');
  for (const name of ['drift', 'alert', 'keys', 'upgrade']) expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  expect(unknown).toMatchObject({ code: 2, stdout: '' });
  expect(unknown.stderr).toContain("--scenario takes one of drift, alert, keys, upgrade, not 'alarm'");
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr).toContain('--bogus');
});

test('an alert about stolen credentials is played to its end, and everything comes out right', async () => {
  await ensureBuilt();

  const { code, stdout } = await run('local/start.ts', '--once', '--scenario', 'alert');

  expect(stdout).toMatch(/intent +contosolegacy +acr-rotate-compromised-passwords +fix +alert /);
  expect(stdout).toContain('✓ contosolegacy: the admin user is off');
  expect(stdout).not.toContain('✗');
  expect(stdout).toMatch(/\n(\d+) of \1 checks hold\n$/);
  expect(code).toBe(0);
}, 150_000);
