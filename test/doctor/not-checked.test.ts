import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEPLOYED } from '../../local/azure/sample-deployment-ids.ts';
import { SAMPLE_SUBSCRIPTION_ID } from '../../local/azure/sample-subscription.ts';
import type { Check } from '../../src/doctor/check.ts';
import { deployedChecks } from '../../src/doctor/deployed-checks.ts';
import { isHealthy, runChecks } from '../../src/doctor/run-checks.ts';
import { DockwardenError } from '../../src/errors.ts';
import { type Deployed, startDeployed } from './deployed-harness.ts';

let deployed: Deployed;
beforeAll(async () => {
  deployed = await startDeployed();
});
afterAll(async () => {
  await deployed.stop();
});

const FORBIDDEN = {
  error: { code: 'AuthorizationFailed', message: "The client 'x' does not have authorization to perform action 'y'." },
};

/** Refuses what matches for the duration of the look. */
async function findRefused(check: string, path: RegExp, status = 403) {
  const fault = deployed.simulator.faults.add({
    path,
    times: Number.POSITIVE_INFINITY,
    effect: { kind: 'answer', status, headers: { 'content-type': 'application/json' }, body: FORBIDDEN },
  });
  try {
    const findings = await deployed.find(check);
    expect(fault.matched).toBeGreaterThan(0);
    return findings;
  } finally {
    fault.remove();
  }
}

const unavailable = (status?: number) => async () =>
  await Promise.reject(
    new DockwardenError('STORAGE_UNAVAILABLE', 'it cannot be used: 403', status === undefined ? {} : { status }),
  );

describe('what cannot be looked at', () => {
  it.each([
    ['app', /\/sites\/[^/]+\?/i],
    ['settings', /config\/appsettings\/list/i],
    ['host', /config\/appsettings\/list/i],
    ['functions', /\/sites\/[^/]+\/functions/i],
    ['roles', /roleAssignments/i],
    ['tables', /roleAssignments/i],
    ['tables', /storageAccounts/i],
    ['events', /systemTopics\?/i],
    ['events', /eventSubscriptions/i],
    ['events', /storageAccounts/i],
    ['defender-export', /namespaces\?/i],
    ['defender-export', /automations/i],
    ['sweep', /config\/appsettings\/list/i],
    ['queues', /config\/appsettings\/list/i],
    ['azure-policy', /policyAssignments/i],
  ])('is a finding of its own: %s without the answer of %s', async (check, path) => {
    const findings = await findRefused(check, path);

    expect(findings.length).toBeGreaterThan(0);
    for (const { code, command, message, severity } of findings) {
      expect(code).toBe('not-checked');
      expect(severity).toBe('warning');
      expect(message).toMatch(/^Could not be checked: /);
      expect(command).toMatch(/^az role assignment create .* --scope '\/subscriptions\//);
    }
  });

  it('asks for the role that may read settings, because Reader may not', async () => {
    const [finding] = await findRefused('settings', /config\/appsettings\/list/i);

    expect(finding?.command).toContain(`--role 'Website Contributor' --scope '${DEPLOYED.site}'`);
  });

  it('keeps nothing else from being looked at', async () => {
    const report = await deployed.check(undefined, {
      plant: ({ faults }) => {
        faults.add({
          path: /systemTopics\?/i,
          effect: { kind: 'answer', status: 403, headers: { 'content-type': 'application/json' }, body: FORBIDDEN },
        });
      },
      storage: { countBlobs: async (name) => await Promise.resolve(name === 'poison' ? 1 : 0) },
    });

    expect(report.findings.map(({ code, subject }) => [code, subject])).toEqual([
      ['kept-messages', 'container poison'],
      ['not-checked', `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`],
    ]);
    expect(report.checks).toEqual(deployedChecks.map(({ id }) => id));
    expect(isHealthy(report)).toBe(false);
  });

  it('keeps a Reader, who may not see the settings, from nothing that he may see of the app', async () => {
    const { state } = deployed.simulator;
    state.patch(DEPLOYED.site, { properties: { state: 'Stopped' } });
    const findings = await findRefused('app', /config\/appsettings\/list/i);
    state.patch(DEPLOYED.site, { properties: { state: 'Running' } });

    expect(findings.map(({ code }) => code)).toEqual(['app-not-running', 'not-checked']);
    expect(findings[1]?.command).toContain(`--role 'Website Contributor' --scope '${DEPLOYED.site}'`);
  });

  it('is a clock that an answer does not tell of', async () => {
    const findings = await deployed.find('clock', {
      storage: { askTime: async () => await Promise.resolve(undefined) },
    });

    expect(findings.map(({ code, subject }) => [code, subject])).toEqual([['not-checked', 'storage account']]);
  });

  it('is told of each queue, table and container, with the role that may read it', async () => {
    const queues = await deployed.find('queues', {
      storage: { readQueue: unavailable(403), countBlobs: unavailable(403) },
    });
    expect(queues).toHaveLength(10);
    expect(queues[0]?.command).toContain(`--role 'Storage Queue Data Reader' --scope '${DEPLOYED.storage}'`);
    expect(queues.at(-1)?.command).toContain(`--role 'Storage Blob Data Reader'`);

    const tables = await deployed.find('tables', { storage: { canReadTable: unavailable(403) } });
    expect(tables).toHaveLength(7);
    expect(tables[0]?.command).toContain(`--role 'Storage Table Data Reader' --scope '${DEPLOYED.storage}'`);

    const [sweep] = await deployed.find('sweep', { storage: { readRow: unavailable(403) } });
    expect(sweep?.command).toContain(`--role 'Storage Table Data Reader'`);
  });

  it('asks to sign in when there is no answer at all, and to look again when it was a passing fault', async () => {
    const [down] = await deployed.find('clock', {
      storage: {
        askTime: async () => await Promise.reject(new DockwardenError('AZURE_TRANSIENT', 'no token')),
      },
    });
    expect(down).toMatchObject({ code: 'not-checked', command: 'az login && dockwarden doctor' });

    const [busy] = await findRefused('functions', /\/sites\/[^/]+\/functions/i, 500);
    expect(busy).toMatchObject({ code: 'not-checked', command: 'dockwarden doctor' });
  });

  it('is the roles of an app of which nobody knows which identity it acts with', async () => {
    const other = '/subscriptions/x/resourceGroups/x/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a';
    const site = deployed.simulator.state.get(DEPLOYED.site);
    if (site === undefined) throw new Error('the sample has no app');
    const identity = {
      type: 'UserAssigned',
      userAssignedIdentities: {
        // It holds nothing, and stands before the other.
        [other]: {
          principalId: '99999999-0000-4000-8000-000000000001',
          clientId: '99999999-0000-4000-8000-000000000002',
        },
        ...Object(site['identity']).userAssignedIdentities,
      },
    };
    deployed.simulator.state.put({ ...site, identity });
    const named = await deployed.find('roles');
    const unnamed = await deployed.find('roles', {
      settings: { DOCKWARDEN_CLIENT_ID: undefined, AzureWebJobsStorage__clientId: undefined },
    });
    deployed.simulator.state.put(site);

    expect(named).toEqual([]);
    expect(unnamed).toEqual([expect.objectContaining({ code: 'not-checked' })]);
  });

  it('hides no defect of ours', async () => {
    const broken: Check = {
      id: 'broken',
      title: 'broken',
      codes: [],
      run: async () => await Promise.reject(new TypeError('a defect')),
    };
    const context = { now: () => new Date(), arm: { get: fail, list: fail, ask: fail, askTime: fail } };

    await expect(runChecks([broken], context, 'x', () => undefined)).rejects.toThrow('a defect');
  });

  it('does not take an unreadable list of roles for one without roles', async () => {
    const fault = deployed.simulator.faults.add({
      path: /roleDefinitions\/[0-9a-f-]{36}\?/i,
      effect: { kind: 'answer', status: 404, headers: { 'content-type': 'application/json' }, body: FORBIDDEN },
    });
    const findings = await deployed.find('roles');
    fault.remove();

    expect(findings.map(({ code }) => code)).toEqual(['not-checked']);
  });
});

async function fail(): Promise<never> {
  return await Promise.reject(new Error('not asked'));
}
