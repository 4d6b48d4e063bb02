import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEPLOYED } from '../../local/azure/sample-deployment-ids.ts';
import { listEventNeeds, mergeEventNeeds } from '../../src/events/event-filters.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { toSettingName } from '../../src/settings/catalogue.ts';
import { type Deployed, startDeployed } from './deployed-harness.ts';
import { addSubscription, OTHER_SUBSCRIPTION, SUBSCRIPTION } from './planted-faults.ts';

let deployed: Deployed;
beforeAll(async () => {
  deployed = await startDeployed();
});
afterAll(async () => {
  await deployed.stop();
});

describe('a healthy set-up', () => {
  it('leads to no finding at all', async () => {
    const report = await deployed.check(undefined);

    expect(report.findings).toEqual([]);
    expect(report.summary).toEqual({ error: 0, warning: 0, info: 0 });
    expect(report.checks.length).toBeGreaterThan(10);
  });

  it('leads to none while everything only observes, if the roles are those for that', async () => {
    const report = await deployed.check(undefined, {
      settings: { DOCKWARDEN_MODE: 'observe' },
      isRedeployed: true,
    });

    expect(report.findings).toEqual([]);
  });

  it('may have its workspace in a subscription that is not looked after', async () => {
    const scope = `${OTHER_SUBSCRIPTION}/resourceGroups/rg-1/providers/Microsoft.Monitor/accounts/amw`;
    const findings = await deployed.find('roles', {
      plant: addSubscription,
      roles: (held) =>
        held.map((role) => (role.roleName.startsWith('Dockwarden metrics (') ? { ...role, scope } : role)),
    });

    expect(findings).toEqual([]);
  });

  it('needs no events of what no policy is on for', async () => {
    const off = policies.filter(({ resource }) => resource.startsWith('Microsoft.KeyVault/'));
    const findings = await deployed.find('events', {
      settings: Object.fromEntries(off.map(({ id }) => [toSettingName('POLICY', id), 'off'])),
      plant: ({ state }) => {
        for (const { id, properties } of state.list(SUBSCRIPTION, 'Microsoft.EventGrid/systemTopics'))
          if (properties?.['topicType'] === 'Microsoft.KeyVault.vaults') state.remove(id);
        const values = mergeEventNeeds(
          listEventNeeds(policies.filter((policy) => !off.includes(policy))),
        ).operationPrefixes;
        const advancedFilters = [{ operatorType: 'StringBeginsWith', key: 'data.operationName', values: [...values] }];
        for (const { id } of state.list(DEPLOYED.systemTopic, 'Microsoft.EventGrid/systemTopics/eventSubscriptions'))
          state.patch(id, { properties: { filter: { advancedFilters } } });
      },
    });

    expect(findings).toEqual([]);
  });
});
