import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TableClient } from '@azure/data-tables';
import { ContainerClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { DEPLOYED, STORED } from '../../local/azure/sample-deployment-ids.ts';
import { SAMPLE_SUBSCRIPTION_ID } from '../../local/azure/sample-subscription.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { deployedChecks } from '../../src/doctor/deployed-checks.ts';
import { createTableSweepRecords } from '../../src/guards/sweep-record.ts';
import { createTableStore } from '../../src/storage/table-store.ts';
import { type Deployed, startDeployed } from '../doctor/deployed-harness.ts';
import { claimStorageAccount, type TestStorage } from '../support/storage.ts';

let storage: TestStorage;
let deployed: Deployed;
let directory: string;
beforeAll(async () => {
  storage = claimStorageAccount();
  deployed = await startDeployed(storage);
  directory = await mkdtemp(join(tmpdir(), 'dockwarden-doctor-'));
  for (const name of STORED.queues) await new QueueClient(`${storage.queue}/${name}`, storage.credential).create();
  for (const name of STORED.tables) await new TableClient(storage.table, name, storage.credential).createTable();
  await containerOf('dead-letter').create();
  await sweep(new Date());
  await writeRun();
});
afterAll(async () => {
  await deployed.stop();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  await deployed.arrange();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

function containerOf(name: string) {
  return new ContainerClient(`${storage.blob}/${name}`, storage.credential);
}

async function sweep(at: Date): Promise<void> {
  const records = createTableSweepRecords(
    createTableStore(new TableClient(storage.table, 'guards', storage.credential)),
  );
  const time = at.toISOString();
  await records.save({ startedAt: time, finishedAt: time, complete: true, resources: 1, queued: 0 });
}

async function writeRun(change: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const { simulator } = deployed;
  const { blob, queue, table } = storage;
  const content = {
    pid: process.pid,
    arm: simulator.armEndpoint,
    caFile: inject('certificates').caFile,
    identities: { operator: simulator.identityEndpoint('operator') },
    storage: { blob, queue, table },
    app: DEPLOYED.site,
    ...change,
  };
  await writeFile(join(directory, 'run.json'), JSON.stringify(content));
}

async function run(...args: readonly string[]) {
  vi.stubEnv('IDENTITY_ENDPOINT', undefined);
  vi.stubEnv('IDENTITY_HEADER', undefined);
  const out: string[] = [];
  const errors: string[] = [];
  const exitCode = await runCommandLine(['doctor', ...args], {
    readInput: async () => await Promise.resolve(''),
    print: (line) => out.push(line),
    printError: (line) => errors.push(line),
  });
  return { exitCode, out: out.join('\n'), errors: errors.join('\n') };
}

describe('doctor', () => {
  it('finds nothing in a healthy set-up, and says how far it is', async () => {
    const { errors, exitCode, out } = await run('--directory', directory);

    expect(out).toBe(`0 errors, 0 warnings, 0 for your information; 12 checks of ${DEPLOYED.site}`);
    expect(exitCode).toBe(0);
    expect(errors.split('\n')).toEqual(
      deployedChecks.map(({ title }, index) => `dockwarden: ${index + 1}/${deployedChecks.length} ${title}`),
    );
  });

  it('takes the app by its id, too', async () => {
    const { exitCode, out } = await run('--app', `${DEPLOYED.site}/`, '--directory', directory);

    expect(out).toContain(`12 checks of ${DEPLOYED.site}`);
    expect(exitCode).toBe(0);
  });

  it('says how to look again with the same options', async () => {
    const fault = deployed.simulator.faults.add({
      path: /automations/i,
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'answer', status: 400, headers: { 'content-type': 'application/json' }, body: {} },
    });
    const { exitCode, out } = await run('--app', DEPLOYED.site, '--directory', directory);
    fault.remove();

    expect(exitCode).toBe(1);
    expect(out).toContain(`$ dockwarden doctor --app '${DEPLOYED.site}' --directory '${directory}'`);
    expect(out).not.toMatch(/dockwarden doctor$/m);
  });

  it('says once that there is no such app', async () => {
    const nowhere = DEPLOYED.site.replace(/[^/]+$/, 'nowhere');
    const { errors, exitCode, out } = await run('--app', nowhere, '--directory', directory);

    expect([exitCode, out]).toEqual([1, '']);
    expect(errors).toBe(
      `dockwarden: there is no function app ${nowhere}: az functionapp list --query "[].id" --output tsv`,
    );
  });

  it.each([
    ['', ['--app', DEPLOYED.site]],
    [' before a deployment', ['--before-deploy', '--subscription', SAMPLE_SUBSCRIPTION_ID, '--location', 'westeurope']],
  ])('says once that nobody is signed in%s', async (_when, args) => {
    // Nothing that the sign-ins of this machine could go by.
    for (const name of ['PATH', 'HOME', 'AZURE_CONFIG_DIR', 'AZURE_TENANT_ID', 'AZURE_CLIENT_ID'])
      vi.stubEnv(name, '/nowhere');
    vi.stubEnv('AZURE_TOKEN_CREDENTIALS', 'AzureCliCredential');
    const { errors, exitCode, out } = await run(...args, '--directory', '/nowhere');

    expect([exitCode, out]).toEqual([1, '']);
    expect(errors).toBe('dockwarden: nobody is signed in to Azure: run "az login"');
  });

  it('prints each finding with the command that mends it, in lines of 100 columns but for what is copied', async () => {
    await containerOf('dead-letter').uploadBlockBlob('a/1.json', '[]', 2);
    await deployed.arrange({ settings: { DOCKWARDEN_MODE: 'enforced' } });
    const { exitCode, out } = await run('--directory', directory);
    await containerOf('dead-letter').deleteBlob('a/1.json');

    expect(exitCode).toBe(1);
    expect(out.split('\n\n')[0]).toBe(
      `ERROR    setting-invalid
         DOCKWARDEN_MODE
         DOCKWARDEN_MODE is "enforced". Valid: off, observe, approve or enforce. Until it is
         corrected, no remediation goes further than observe.
         $ az functionapp config appsettings set --subscription '${SAMPLE_SUBSCRIPTION_ID}' --resource-group 'rg-dockwarden' --name 'func-q3k7wz5xmvt2a' --settings 'DOCKWARDEN_MODE='"\${VALUE:?set it to off, observe, approve or enforce}"`,
    );
    expect(out).toContain('WARNING  dead-letters\n         container dead-letter\n         It holds 1 events');
    expect(out).toMatch(/\d+ errors?, 1 warning, 0 for your information/);
    for (const line of out.split('\n')) {
      const isCopied = line.includes('$ az') || line.includes('/subscriptions/') || line.includes('$ dockwarden');
      expect(isCopied ? 0 : line.length).toBeLessThanOrEqual(100);
    }
  });

  it('prints a report of a documented shape with --format json', async () => {
    await deployed.arrange({ settings: { SCOPES: undefined } });
    const { exitCode, out } = await run('--directory', directory, '--format', 'json');

    const report: unknown = JSON.parse(out);
    expect(report).toEqual({
      subject: DEPLOYED.site,
      checkedAt: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/),
      checks: deployedChecks.map(({ id }) => id),
      summary: { error: 0, warning: 1, info: 0 },
      findings: [
        {
          severity: 'warning',
          code: 'setting-missing',
          subject: 'SCOPES',
          message: expect.stringContaining('SCOPES is not set'),
          command: expect.stringContaining("'SCOPES='"),
        },
      ],
    });
    expect(exitCode).toBe(1);
  });

  it('exits with 0 for what is only good to know', async () => {
    await deployed.arrange({
      settings: {
        DefenderEventHub__fullyQualifiedNamespace: undefined,
        DEFENDER_EVENT_HUB: undefined,
        'AzureWebJobs.defenderAlerts.Disabled': 'true',
      },
      functions: (all) => all.map((one) => ({ ...one, isDisabled: one.name === 'defenderAlerts' })),
      roles: (held) => held.filter(({ roleName }) => roleName !== 'Azure Event Hubs Data Receiver'),
    });
    const { exitCode, out } = await run('--directory', directory);

    expect(out).toContain('INFO     defender-polling-only');
    expect(exitCode).toBe(0);
  });

  it('sees what is wrong with the storage itself', async () => {
    const table = new TableClient(storage.table, 'nodes', storage.credential);
    const poison = new QueueClient(`${storage.queue}/work-poison`, storage.credential);
    const work = new QueueClient(`${storage.queue}/work`, storage.credential);
    await table.deleteTable();
    await poison.create();
    await poison.sendMessage('eA==');
    await work.delete();
    await sweep(new Date(Date.now() - 86_400_000));
    const { exitCode, out } = await run('--directory', directory, '--format', 'json');
    await table.createTable();
    await poison.delete();
    await work.create();
    await sweep(new Date());

    const codes = out.matchAll(/"code": "([^"]+)",\s+"subject": "([^"]+)"/g);
    expect([...codes].map(([, code, subject]) => `${code} ${subject}`)).toEqual([
      'table-missing table nodes',
      'queue-missing queue work',
      'poison-queue queue work-poison',
      'sweep-overdue sweep',
    ]);
    expect(exitCode).toBe(1);
  });

  it('does not pass on what could move the cursor or hide something', async () => {
    await deployed.arrange({
      roles: (held) => [
        ...held,
        {
          scope: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`,
          actions: ['Microsoft.Compute/disks/write'],
          roleName: `Evil\u001b[2K\u202e'; touch /tmp/x #`,
        },
      ],
    });
    const { out } = await run('--directory', directory);

    expect(out).toContain('role-action-excess');
    // oxlint-disable-next-line no-control-regex
    expect(out.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u202e]/);
  });
});

describe('doctor --before-deploy', () => {
  const plan = ['--before-deploy', '--subscription', SAMPLE_SUBSCRIPTION_ID, '--location', 'westeurope'];

  it('looks at the subscription instead of an app', async () => {
    const { exitCode, out } = await run(...plan, '--directory', directory, '--format', 'json');

    expect(JSON.parse(out)).toMatchObject({ subject: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`, findings: [] });
    expect(exitCode).toBe(0);
  });

  it('judges the name of the environment that is given', async () => {
    const { exitCode, out } = await run(...plan, '--environment-name', 'größe', '--directory', directory);

    expect(out).toContain('ERROR    environment-name-invalid');
    expect(exitCode).toBe(1);
  });
});

describe('wrong usage', () => {
  it.each([
    [['--app', 'func-dockwarden'], 'Expected a resource id'],
    [['--app', `${DEPLOYED.site}/functions/sweep`], 'Expected a resource id'],
    [['--format', 'yaml'], 'Allowed choices are table, json'],
    [['--before-deploy'], '--before-deploy needs --subscription and --location'],
    [['--before-deploy', '--subscription', SAMPLE_SUBSCRIPTION_ID], 'needs --subscription and --location'],
    [['--before-deploy', '--subscription', 'mine', '--location', 'x'], 'Expected the id of a subscription'],
    [['--before-deploy', '--app', DEPLOYED.site], 'cannot be used with option'],
    [['--location', 'westeurope'], '--location needs --before-deploy'],
    [['--subscription', SAMPLE_SUBSCRIPTION_ID], '--subscription needs --before-deploy'],
    [['--environment-name', 'x'], '--environment-name needs --before-deploy'],
    [['everything'], 'too many arguments'],
  ])('%j exits with 2', async (args, message) => {
    const { errors, exitCode, out } = await run(...args, '--directory', directory);

    expect(errors).toContain(message);
    expect(exitCode).toBe(2);
    expect(out).toBe('');
  });

  it('without an app and without a local run says what to do', async () => {
    const { errors, exitCode } = await run('--directory', join(directory, 'nowhere'));

    expect(errors).toContain('nothing to check: give --app, or run "npm start"');
    expect(exitCode).toBe(1);
  });

  it('a run.json of an older version names no app', async () => {
    await writeRun({ app: undefined });
    const { errors, exitCode } = await run('--directory', directory);
    await writeRun();

    expect(errors).toContain('run.json names no app: give --app');
    expect(exitCode).toBe(1);
  });
});
