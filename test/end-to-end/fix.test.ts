import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { QueueServiceClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DEPLOYED, EVENT_SUBSCRIPTION } from '../../local/azure/sample-deployment-ids.ts';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { checkPromises } from '../../local/scenario/checks.ts';
import { checkEndState } from '../../local/scenario/drift/end-state.ts';
import { runScenario } from '../../local/scenario/run-scenario.ts';
import type { Scenario } from '../../local/scenario/scenario.ts';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { WATCHING_PERMISSIONS } from '../support/product-role.ts';
import { type EndToEnd, patient, projectRoot, startEndToEnd } from './harness.ts';

const checker = resolve(projectRoot, '../shared/contract/check-traffic.mjs');

function parsed(row: AuditRecord | undefined, column: 'before' | 'after' | 'operations' | 'timings'): unknown {
  return JSON.parse(row?.[column] ?? 'null');
}

describe('events through the storage queue', () => {
  let directory: string;
  let app: EndToEnd;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dockwarden-e2e-'));
    app = await startEndToEnd({ directory, recordTo: join(directory, 'traffic.ndjson') });
  });
  afterAll(async () => {
    await app.end();
  });

  test('an admin user that somebody switches on is put right, and the audit says who, what and how', async () => {
    const operator = app.simulator.identity('operator');

    await app.registries('operator').update('rg-platform-prod', 'contosoacr', { adminUserEnabled: true });
    const [outcome, ...more] = await app.outcomes('contosoacr');

    expect(more).toEqual([]);
    expect(app.simulator.state.get(sampleId('contosoacr'))?.properties).toMatchObject({ adminUserEnabled: false });
    const event = app.simulator.events.find(({ subject }) => subject === sampleId('contosoacr'));
    expect(outcome).toMatchObject({
      policyId: 'acr-admin-user-disabled',
      remediationId: 'acr-disable-admin-user',
      mode: 'enforce',
      verdict: 'compliant',
      decision: 'fix',
      outcome: 'fixed',
      reason: 'verified',
      resourceId: sampleId('contosoacr'),
      causeKind: 'event',
      causeId: event?.id,
      correlationId: event?.data['correlationId'],
      actor: operator.objectId,
      actorType: 'User',
      actorApplication: operator.clientId,
    });
    expect(outcome).not.toHaveProperty('actorName');
    expect(parsed(outcome, 'before')).toEqual({ '/properties/adminUserEnabled': true });
    expect(parsed(outcome, 'after')).toEqual({ '/properties/adminUserEnabled': false });
    expect(parsed(outcome, 'operations')).toMatchObject([
      { operation: 'registries.regenerateCredential', effect: 'write', args: ['password'], result: 'done' },
      { operation: 'registries.regenerateCredential', effect: 'write', args: ['password2'], result: 'done' },
      { operation: 'registries.update', effect: 'write', result: 'done' },
    ]);
    const own = app.simulator.requests
      .filter(({ caller }) => caller === 'dockwarden')
      .map(({ requestId }) => requestId);
    const named = outcome?.armRequestIds?.split(',') ?? [];
    expect(named.length).toBeGreaterThanOrEqual(4);
    expect(named.filter((id) => !own.includes(id))).toEqual([]);
  });

  test('the intent was stored before the first call that changes something', async () => {
    const intent = (await app.rows('contosoacr')).find(({ stage }) => stage === 'intent');

    const isOwnWrite = ({ caller, method, path }: (typeof app.simulator.requests)[number]): boolean =>
      caller === 'dockwarden' && method !== 'GET' && path.includes('contosoacr');
    const firstWrite = app.simulator.requests.find(isOwnWrite);
    expect(Date.parse(intent?.time ?? '')).toBeLessThanOrEqual(firstWrite?.time.getTime() ?? 0);
  });

  test('a sweep finds what no event told: fixed, left to a person, and refused by a lock', async () => {
    await app.sweep();

    await vi.waitFor(async () => {
      const said = (await app.rows()).map((row) =>
        [row.resourceName, row.policyId, row.outcome ?? row.decision, row.reason].join(' '),
      );
      expect(said).toEqual(
        expect.arrayContaining([
          'contosobuild acr-admin-user-disabled fixed verified',
          'contosolegacy acr-admin-user-disabled ticket dependants-found',
          'contosolegacy acr-second-password-fresh fixed verified',
          'contosolocked acr-admin-user-disabled locked ScopeLocked',
          'aks-prod aks-required-tags-present fixed verified',
          'aks-data aks-required-tags-present ticket tag-value-not-allowed',
        ]),
      );
    }, patient);
    expect(app.simulator.state.get(sampleId('aks-prod'))?.tags).toEqual({
      env: 'prod',
      owner: 'platform-team',
      costCenter: 'CC-1000',
    });
  });

  test('the app is healthy and shows no configuration finding', async () => {
    const response = await fetch(`${app.host().url}/api/health`);
    const address = `${app.host().url}/api/health/details`;
    const details = await fetch(address, { headers: { 'x-functions-key': app.functionKey } });
    const refused = await fetch(address);

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'healthy' });
    expect(await details.json()).toMatchObject({ status: 'healthy', reasons: [], configurationFindings: 0 });
    expect([refused.status, await refused.text()]).toEqual([401, '']);
  });

  test('the app called nothing outside its role, and was refused nothing but the nodes of a cluster that keeps it out', () => {
    const { roleAssignments } = app.simulator.identity('dockwarden');
    const assigned = roleAssignments.filter(
      ({ roleName }) => roleName.startsWith('Dockwarden ') && !roleName.startsWith('Dockwarden audit '),
    );
    const others = roleAssignments.filter((assignment) => !assigned.includes(assignment));
    const role = {
      actions: sortedOnce(assigned.flatMap(({ actions }) => actions)),
      dataActions: sortedOnce(assigned.flatMap(({ dataActions = [] }) => dataActions)),
    };
    const allowed = [...role.actions, ...role.dataActions].map((action) => action.toLowerCase());

    const own = app.simulator.requests.filter(({ caller }) => caller === 'dockwarden');
    const actions = new Set(own.map(({ action }) => action?.toLowerCase() ?? 'unknown'));

    expect(role).toEqual(WATCHING_PERMISSIONS);
    // What it hears by and publishes to is no part of that: a role of Azure each, at one resource. So is where it stores.
    expect(others.map(({ roleName, scope }) => [roleName, scope.split('/').at(-1)])).toEqual([
      ['Azure Event Hubs Data Receiver', 'defender'],
      ['EventGrid Data Sender', nameOf(DEPLOYED.ownTopic)],
      ['Storage Blob Data Owner', nameOf(DEPLOYED.storage)],
      ['Storage Queue Data Contributor', nameOf(DEPLOYED.storage)],
      ...['findings', 'work', 'guards', 'alerts', 'nodes', 'tickets'].map((table) => [
        'Storage Table Data Contributor',
        table,
      ]),
      ['Dockwarden audit (dockwarden, 00000000)', 'audit'],
      ['Monitoring Metrics Publisher', nameOf(DEPLOYED.insights)],
    ]);
    expect(actions.size).toBeGreaterThan(5);
    // Asking Resource Graph needs no action of its own: it answers what the caller may read.
    expect([...actions].filter((action) => !allowed.includes(action))).toEqual([
      'microsoft.resourcegraph/resources/read',
    ]);
    // In this cluster Azure RBAC is off, and nobody has bound the product in it: a gap that gets a ticket, as soon as it is looked at.
    const refused = own.filter(({ status, path }) => status === 403 && path !== '/kubernetes/aks-data/api/v1/nodes');
    expect(refused).toEqual([]);
  });

  test.skipIf(!existsSync(checker))(
    'what went over the wire is valid against the published OpenAPI (skipped where the contract checker is not there)',
    { timeout: 120_000 },
    async () => {
      await app.simulator.stop();

      const run = promisify(execFile)(process.execPath, [checker, join(directory, 'traffic.ndjson')], {
        cwd: projectRoot,
        maxBuffer: 10_000_000,
      });
      const { stdout } = await run.catch((error: Error & { stdout?: string }) => ({
        stdout: `${error.stdout} FAILED`,
      }));

      expect(stdout.split('\n').filter((line) => line.includes('  invalid  '))).toEqual([]);
      expect(stdout).toMatch(/ pairs: [1-9]\d* valid, 0 invalid/);
      expect(stdout).not.toContain('FAILED');
    },
  );
});

describe('events through the webhook', () => {
  let app: EndToEnd;

  beforeAll(async () => {
    app = await startEndToEnd({ delivery: 'webhook' });
  });
  afterAll(async () => {
    await app.end();
  });

  test('the end checks of the scenario notice that nothing has happened', async () => {
    const checks = [...checkEndState(app, []), ...(await checkPromises(app, []))];

    const failed = checks.filter(({ holds }) => !holds).map(({ what }) => what);
    expect(failed).toEqual(
      expect.arrayContaining([
        'contosobuild: the admin user is off',
        'every run has one intent and one outcome',
        "every fix is recorded with before, after, operations and Azure's request ids",
        "the app's own role covered every call it made",
        'no password of a registry is in the audit or in an event',
      ]),
    );
  });

  test('the same comes out, with nothing in the event queue', async () => {
    await app.registries('automation').update('rg-platform-dev', 'contosoci', { adminUserEnabled: true });
    const outcomes = await app.outcomes('contosoci');

    expect(outcomes).toMatchObject([{ outcome: 'fixed', actorType: 'ServicePrincipal', causeKind: 'event' }]);
    expect(outcomes[0]?.actor).toBe(app.simulator.identity('automation').objectId);
    expect(app.eventGrid.counts(EVENT_SUBSCRIPTION).delivered).toBeGreaterThan(0);
    const queues = new QueueServiceClient(app.storage.queue, app.simulator.credential('operator'));
    const { receivedMessageItems } = await queues.getQueueClient('resource-events').receiveMessages();
    expect(receivedMessageItems).toEqual([]);
  });

  describe('the runner of scenarios', () => {
    const printed: string[] = [];
    const print = vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
    const never = new AbortController().signal;
    const play = async (scenario: Scenario['play'], ended = never) =>
      await runScenario({ summary: 'a test', play: scenario }, app, ended);
    afterAll(() => print.mockRestore());

    test('says what does not hold', async () => {
      const passed = await play(async () => await Promise.resolve([{ what: 'the moon is of cheese', holds: false }]));

      expect(passed).toBe(false);
      expect(printed).toContain('✗ the moon is of cheese');
      expect(printed.at(-1)).toMatch(/^\n\d+ of \d+ checks hold$/);
    });

    test('waits for what the audit says, and ends when it is interrupted', async () => {
      const interrupt = new AbortController();
      const waiting = play(async ({ waitFor }) => {
        await waitFor([{ resource: 'contosoci', stage: 'outcome', says: 'fixed' }]);
        interrupt.abort(new Error('interrupted'));
        await waitFor([{ stage: 'outcome', says: 'never' }]);
        return [];
      }, interrupt.signal);
      await app.registries('automation').update('rg-platform-dev', 'contosoci', { adminUserEnabled: true });

      await expect(waiting).rejects.toThrow('interrupted');
      expect(printed.join('\n')).toContain('contosoci');
    });
  });

  test('a host that ends by itself is noticed', async () => {
    await app.host().kill();

    expect(await app.crashed).toBe('the Functions host ended unexpectedly (SIGKILL)');
  });
});

function nameOf(id: string): string | undefined {
  return id.split('/').at(-1);
}

function sortedOnce(texts: readonly string[]): string[] {
  return [...new Set(texts)].toSorted();
}
