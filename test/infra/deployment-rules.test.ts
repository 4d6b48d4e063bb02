import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../local/azure/json.ts';
import { judgeAlertExport, judgeEventSubscriptions } from '../../scripts/infra/event-rules.ts';
import {
  judgeDiagnostics,
  judgeFlip,
  judgeGroups,
  judgeRecords,
  judgeStorage,
} from '../../scripts/infra/presence-rules.ts';
import { listPredicted, type Resource, textAt } from '../../scripts/infra/resources.ts';
import {
  judgeAuditTable,
  judgeBuiltIns,
  judgeDefinitions,
  judgeManagementGroups,
  judgePermissions,
  judgeRemoval,
} from '../../scripts/infra/role-rules.ts';
import { judgeAppSettings, judgeDefaults, judgeSettingsType } from '../../scripts/infra/setting-rules.ts';
import { readStorageUse } from '../../scripts/infra/storage-use.ts';
import { listSettings, modeSetting } from '../../src/settings/catalogue.ts';
import {
  ACCOUNT,
  AUDIT_ROLE,
  assignRole,
  catalogue,
  defineRole,
  deployment,
  eventSubscription,
  extraRole,
  filterWith,
  needs,
  roles,
  siteWith,
  TABLE_ACTIONS,
  TOPIC,
} from './sample-deployment.ts';

const none: readonly string[] = [];
const OWNER = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';
const CONTRIBUTOR = 'b24988ac-6180-42a0-ab88-20f7382dd24c';
const TABLE_CONTRIBUTOR = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3';
const TABLE_READER = '76199698-9eea-4c19-bc75-cec21354c6b6';
const PERSON = '99999999-8888-7777-6666-555555555555';

function writeGroup(name: string): JsonObject {
  return { id: `/subscriptions/a/resourceGroups/${name}`, type: 'Microsoft.Resources/resourceGroups' };
}

test('a deployment as it has to be has no problems', () => {
  const good = deployment();

  for (const judge of [judgeDefinitions, judgeBuiltIns, judgeAuditTable, judgeRecords, judgeDiagnostics]) {
    expect(judge(good)).toEqual({ seen: expect.any(Number), problems: none });
    expect(judge(good).seen).toBeGreaterThan(0);
  }
  expect(judgePermissions(good, roles)).toEqual({ seen: 1, problems: none });
  expect(judgeAppSettings(good, catalogue).problems).toEqual(none);
  expect(judgeDefaults(good, catalogue).problems).toEqual(none);
  expect(judgeEventSubscriptions(good)).toEqual({ seen: 1, problems: none });
});

describe('roles', () => {
  test('a wildcard, and a role that nobody has, are found', () => {
    const wild = extraRole({ actions: ['Microsoft.ContainerRegistry/registries/*'], dataActions: ['*'] });
    const idle = defineRole('00000000-0000-4000-8000-00000000001d', { actions: ['a/read'], dataActions: [] });

    expect(judgeDefinitions(deployment(...wild)).problems).toHaveLength(2);
    expect(judgeDefinitions(deployment(idle)).problems).toEqual([expect.stringContaining('assigned to nobody')]);
    expect(() => judgeDefinitions(deployment({ ...idle, properties: { permissions: "[variables('x')]" } }))).toThrow(
      'no list',
    );
  });

  test.each([
    ['Owner', assignRole(OWNER), 'not one that may be assigned'],
    ['Contributor at the storage', assignRole(CONTRIBUTOR, ACCOUNT), 'not one that may be assigned'],
    ['all tables', assignRole(TABLE_CONTRIBUTOR, ACCOUNT), 'may not be assigned at'],
    ['table audit', assignRole(TABLE_CONTRIBUTOR, `${ACCOUNT}/tableServices/default/tables/audit`), 'may not be'],
    ['blobs of a group', assignRole('b7e6dc6d-f1e8-4753-8033-0f276bb0955b'), 'may not be assigned at'],
    ['readers, for the app', assignRole(TABLE_READER, ACCOUNT), 'is for people'],
  ])('a built-in role is refused: %s', (_what, assignment, message) => {
    expect(judgeBuiltIns(deployment(assignment)).problems).toEqual([expect.stringContaining(message)]);
    expect(judgeBuiltIns(deployment(assignRole(TABLE_READER, ACCOUNT, PERSON))).problems).toEqual(none);
  });

  test('more than appending to the audit is found, at the table and above it', () => {
    const deleting = { actions: [], dataActions: [`${TABLE_ACTIONS}/delete`] };
    const atAudit = `${ACCOUNT}/tableServices/default/tables/audit`;

    expect(judgeAuditTable(deployment(...extraRole(deleting, atAudit))).problems).toHaveLength(1);
    expect(judgeAuditTable(deployment(...extraRole(deleting, ACCOUNT))).problems).toHaveLength(1);
    // The role itself says more than it should: then nothing is allowed as it has to be.
    const wider = defineRole(AUDIT_ROLE, {
      actions: [],
      dataActions: [`${TABLE_ACTIONS}/read`, `${TABLE_ACTIONS}/write`],
    });
    expect(judgeAuditTable(deployment(wider)).problems).toHaveLength(2);
  });

  test('an action too many and one too few are found, by the settings', () => {
    const [remediation] = catalogue.remediations;
    if (remediation === undefined) throw new Error('there are no remediations');
    const write = roles.write[remediation.id] ?? { actions: none, dataActions: none };
    const { name } = modeSetting(remediation);

    const granted = judgePermissions(deployment(...extraRole(write)), roles).problems;
    expect(granted.length).toBeGreaterThan(0);
    expect(granted.filter((problem) => !problem.includes('nothing needs it'))).toEqual([]);
    const needed = judgePermissions(deployment(siteWith({ [name]: 'enforce' })), roles).problems;
    expect(needed.filter((problem) => !problem.includes('not granted'))).toEqual([]);
    expect(needed).toHaveLength(granted.length);
    expect(judgePermissions(deployment(siteWith({ [name]: 'approve' }), ...extraRole(write)), roles).problems).toEqual(
      none,
    );
    const capped = siteWith({ [name]: 'enforce', DOCKWARDEN_MODE: 'observe' });
    expect(judgePermissions(deployment(capped, ...extraRole(write)), roles).problems).toHaveLength(granted.length);
  });

  test('a role for one resource is there only while the settings call for it', () => {
    const vault = '/subscriptions/x/resourceGroups/y/providers/Microsoft.KeyVault/vaults/z';
    const own = extraRole(roles.optional.passwordVault, vault);
    const site = siteWith({ ACR_ROTATED_PASSWORD_VAULT: 'https://z.vault.azure.net' });

    expect(judgePermissions(deployment(...own), roles).problems).toEqual([
      expect.stringContaining('calls for this role'),
    ]);
    expect(judgePermissions(deployment(site, ...own), roles).problems).toEqual(none);
  });

  test('data actions at a management group are found', () => {
    const group = '/providers/Microsoft.Management/managementGroups/mg';
    const { actions, dataActions } = roles.optional.nodes;

    expect(judgeManagementGroups(deployment(...extraRole({ actions, dataActions: [] }, group)))).toEqual({
      seen: 1,
      problems: none,
    });
    expect(judgeManagementGroups(deployment(...extraRole({ actions, dataActions }, group))).problems).toHaveLength(1);
    expect(judgeManagementGroups(deployment(assignRole(OWNER, group))).problems).toHaveLength(1);
  });
});

function only(...predictedResources: readonly JsonObject[]): readonly Resource[] {
  return listPredicted({ predictedResources }, 'here');
}

function idOf(resource: JsonObject): string {
  return textAt(resource, 'id');
}

describe('roles that are called for no longer', () => {
  const [reading, writing] = [assignRole(OWNER), assignRole(CONTRIBUTOR)];

  test('are named for removal, in any casing', () => {
    const named = [idOf(writing).toUpperCase()];

    expect(judgeRemoval(only(reading, writing), only(reading), named)).toEqual({ seen: 1, problems: none });
  });

  test('that are not named, and one that is named and assigned, are found', () => {
    const { problems } = judgeRemoval(only(reading, writing), only(reading), [idOf(reading)]);

    expect(problems).toEqual([
      `${idOf(writing).toLowerCase()} would stay, and is not named for removal`,
      `${idOf(reading).toLowerCase()} is assigned, and named for removal`,
    ]);
  });
});

describe('application settings', () => {
  test.each([
    [{ SWEEP_SCHEDULE: undefined }, 'SWEEP_SCHEDULE is read by the app, and not set'],
    [{ SWEEP_SCHEDUL: 'x' }, 'SWEEP_SCHEDUL is read by nobody'],
    [{ FUNCTIONS_WORKER_RUNTIME: 'node' }, 'refused by Flex Consumption'],
    [{ AzureWebJobsStorage: 'AccountName=a;AccountKey=b' }, 'holds a key'],
    [{ TICKETS_GITHUB_TOKEN: 'plain' }, 'not a reference to a key vault'],
    [{ 'AzureWebJobs.nothing.Disabled': 'true' }, 'read by nobody'],
    [{ APPROVAL_PERSONS: 'many' }, 'APPROVAL_PERSONS is not valid'],
  ])('%j is found', (changes, message) => {
    expect(judgeAppSettings(deployment(siteWith(changes)), catalogue).problems).toEqual([
      expect.stringContaining(message),
    ]);
  });

  test('another default than the one of the code is found', () => {
    expect(judgeDefaults(deployment(siteWith({ DOCKWARDEN_MODE: 'observe' })), catalogue).problems).toEqual([
      'setting DOCKWARDEN_MODE is observe, and enforce by default',
    ]);
  });

  test('an expression in place of all settings, and two apps, cannot be judged', () => {
    const site = siteWith();
    const opaque = { ...site, properties: { siteConfig: { appSettings: [{ name: 'A', value: 1 }] } } };

    expect(() => judgeAppSettings(deployment(opaque), catalogue)).toThrow('setting A is not a text');
    expect(() => judgeAppSettings(deployment({ ...site, id: '/another' }), catalogue)).toThrow('2 function apps');
  });

  test('parameters are those of the catalogue, and no other is taken', () => {
    const names = listSettings(catalogue).map(({ name }) => name);

    expect(judgeSettingsType(templateWith(names.slice(1), false), catalogue, names.slice(0, 1)).problems).toEqual(none);
    expect(judgeSettingsType(templateWith([...names, 'X'], true), catalogue, []).problems).toHaveLength(2);
    expect(judgeSettingsType(templateWith(names.slice(1), false), catalogue, []).problems).toEqual([
      `setting ${String(names[0])} is no parameter`,
    ]);
    expect(judgeSettingsType({}, catalogue, []).seen).toBe(0);
  });
});

describe('event subscriptions', () => {
  const identity = { type: 'SystemAssigned' };

  test.each<readonly [string, JsonObject, string]>([
    ['a prefix too few', { filter: filterWith(needs.operationPrefixes.slice(1)) }, 'filters'],
    ['a prefix too many', { filter: filterWith([...needs.operationPrefixes, 'Microsoft.Web/sites/']) }, 'filters'],
    ['another key', { filter: filterWith(needs.operationPrefixes, 'subject') }, 'filters'],
    ['no filter', { filter: { includedEventTypes: filterWith([])['includedEventTypes'] } }, 'filters'],
    ['all types', { filter: { ...filterWith(needs.operationPrefixes), includedEventTypes: ['All'] } }, 'lets through'],
    ['delivery by key', { destination: { endpointType: 'StorageQueue' } }, 'properties.destination'],
    ['no dead letters', { deadLetterWithResourceIdentity: { identity } }, 'blobContainerName'],
    [
      'few attempts',
      { retryPolicy: { maxDeliveryAttempts: 3, eventTimeToLiveInMinutes: 1440 } },
      'maxDeliveryAttempts',
    ],
    ['another schema', { eventDeliverySchema: 'CloudEventSchemaV1_0' }, 'eventDeliverySchema'],
  ])('%s is found', (_what, changes, message) => {
    expect(judgeEventSubscriptions(deployment(eventSubscription(changes))).problems).toEqual([
      expect.stringContaining(message),
    ]);
  });

  test('more values than Event Grid takes are found', () => {
    const many = Array.from({ length: 26 }, (_item, index) => `x${index}`);

    expect(judgeEventSubscriptions(deployment(eventSubscription({ filter: filterWith(many) }))).problems).toHaveLength(
      2,
    );
  });

  test('what only a policy needs that is off is not let through', () => {
    const off = Object.fromEntries(
      catalogue.policies
        .filter(({ resource }) => resource === 'Microsoft.ContainerRegistry/registries')
        .map(({ id }) => [`POLICY_${id.toUpperCase().replaceAll('-', '_')}`, 'off']),
    );
    const filter = filterWith(needs.operationPrefixes.filter((prefix) => !prefix.includes('ContainerRegistry')));

    expect(judgeEventSubscriptions(deployment(siteWith(off))).problems).toEqual([expect.stringContaining('filters')]);
    expect(judgeEventSubscriptions(deployment(siteWith(off), eventSubscription({ filter }))).problems).toEqual(none);
  });

  test('a topic of something else, and none of the subscription, are found', () => {
    const topic = {
      id: TOPIC,
      type: 'Microsoft.EventGrid/systemTopics',
      properties: { topicType: 'Microsoft.Storage.StorageAccounts' },
    };

    expect(judgeEventSubscriptions(deployment(topic)).problems).toEqual([
      expect.stringContaining('for a topic that no policy needs'),
      'nothing tells of changed resources',
    ]);
  });

  test('an export without one of the severities is found (R60)', () => {
    expect(judgeAlertExport(exportOf('Low', 'High', 'Medium', 'Informational'))).toEqual({ seen: 1, problems: none });
    expect(judgeAlertExport(exportOf('Low', 'High', 'Medium')).problems).toHaveLength(1);
    // A source without rules exports everything today; what it will export is not written there.
    expect(judgeAlertExport(exportOf()).problems).toHaveLength(1);
  });

  test('a subscription in which the app has a role, and that tells it nothing, is found', () => {
    const other = '/subscriptions/11111111-2222-3333-4444-555555555555';
    const connected = deployment(...extraRole(roles.read, other));
    const tells = {
      ...eventSubscription(),
      id: `${TOPIC.replace(/^\/subscriptions\/[^/]+/, other)}/eventSubscriptions/d`,
    };

    expect(judgeEventSubscriptions(connected).problems).toEqual([expect.stringContaining('11111111-2222')]);
    expect(judgeEventSubscriptions(deployment(...extraRole(roles.read, other), tells)).problems).toEqual(none);
    const exports = exportOf('Low', 'High', 'Medium', 'Informational').map((each) => ({ ...each, id: `${other}/x` }));
    const home = connected.filter(({ id }) => !id.startsWith(other));
    expect(judgeAlertExport([...connected, ...exports]).problems).toHaveLength(1);
    expect(judgeAlertExport([...home, ...exports.map((each) => ({ ...each, id: TOPIC }))]).problems).toEqual(none);
  });

  test('an export that is off, or that goes elsewhere or by key, is found', () => {
    const hub = { actionType: 'EventHub', eventHubResourceId: '/hub' };

    expect(judgeAlertExport(exportWith({ isEnabled: false })).problems).toEqual([
      expect.stringContaining('switched off'),
    ]);
    for (const actions of [[], [hub], [{ actionType: 'Workspace', workspaceResourceId: '/w' }]]) {
      expect(judgeAlertExport(exportWith({ actions })).problems).toEqual([expect.stringContaining('does not send')]);
    }
  });
});

describe('the storage', () => {
  test('without its lock or with a seal that can be changed is found', () => {
    const lock = {
      id: `${ACCOUNT}/providers/Microsoft.Authorization/locks/keep`,
      type: 'Microsoft.Authorization/locks',
      properties: { level: 'None' },
    };
    const policy = 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies';
    const seals = {
      id: `${ACCOUNT}/blobServices/default/containers/seals/immutabilityPolicies/default`,
      type: policy,
      properties: {},
    };
    const group = {
      ...lock,
      id: `${ACCOUNT.split('/providers/')[0]}/providers/Microsoft.Authorization/locks/keep`,
      properties: { level: 'CanNotDelete' },
    };

    expect(judgeRecords(deployment(lock)).problems).toEqual([expect.stringContaining('can be deleted')]);
    expect(judgeRecords(deployment(lock, group)).problems).toEqual(none);
    expect(judgeRecords(deployment(seals)).problems).toEqual([expect.stringContaining('0 immutability policies')]);
  });

  test('that removes by age what is not a kept message is found', () => {
    expect(judgeRecords(deployment(forgetting(['poison/', 'dead-letter/']))).problems).toEqual(none);
    for (const wrong of [['poison/', 'seals/'], [], undefined]) {
      expect(judgeRecords(deployment(forgetting(wrong))).problems).toEqual([expect.stringContaining('removes by age')]);
    }
  });

  test('and whose resource groups are written is looked at', () => {
    const own = [writeGroup('rg-a'), writeGroup('rg-a-records')];

    expect(judgeGroups(deployment(...own))).toEqual({ seen: 2, problems: none });
    expect(judgeGroups(deployment(...own, writeGroup('rg-security'))).problems).toEqual([
      expect.stringContaining('rg-security'),
    ]);
    expect(judgeGroups(deployment(writeGroup('rg-a'))).problems).toEqual([
      '0 resource groups for records instead of one',
      expect.stringContaining('rg-a: is written'),
    ]);
  });

  test('that logs no deletions is found', () => {
    const id = `${ACCOUNT}/tableServices/default/providers/Microsoft.Insights/diagnosticSettings/log`;
    const logs = [
      { category: 'StorageWrite', enabled: true },
      { category: 'StorageDelete', enabled: false },
    ];
    const setting = { id, type: 'Microsoft.Insights/diagnosticSettings', properties: { workspaceId: '/w', logs } };

    expect(judgeDiagnostics(deployment(setting)).problems).toEqual(['StorageDelete of tableServices is not logged']);
  });

  test('has to hold what the code uses, and that is read from the code', () => {
    const used = readStorageUse();
    const queue = {
      id: `${ACCOUNT}/queueServices/default/queues/work`,
      type: 'Microsoft.Storage/storageAccounts/queueServices/queues',
    };

    expect(used.queues).toEqual(
      expect.arrayContaining(['resource-events', 'work', 'work-poison', 'tickets', 'events']),
    );
    expect(used.tables).toEqual(
      expect.arrayContaining(['audit', 'findings', 'work', 'guards', 'alerts', 'nodes', 'tickets']),
    );
    expect(used.containers).toEqual(['poison', 'dead-letter']);
    expect(judgeStorage(deployment(queue), { queues: ['work', 'x'], tables: ['audit'], containers: [] })).toEqual({
      seen: 3,
      problems: ['x is not among the queues', 'audit is not among the tables'],
    });
  });
});

describe('raising one remediation', () => {
  const [remediation, ...others] = catalogue.remediations;
  if (remediation === undefined) throw new Error('there are no remediations');
  const flipped = { id: remediation.id, setting: modeSetting(remediation).name };
  const write = roles.write[remediation.id] ?? { actions: none, dataActions: none };
  const isSame = ({ id }: { readonly id: string }) => roles.write[id]?.actions.join() === write.actions.join();
  const another = roles.write[others.find((other) => !isSame(other))?.id ?? ''] ?? write;
  const site = siteWith({ [flipped.setting]: 'enforce' });
  // Assignments have ids of their own each time; what is compared has to be made once.
  const bodies = deployment().map(({ body }) => body);
  const from = (...changes: readonly JsonObject[]) => {
    const ids = new Set(changes.map(({ id }) => id));
    return listPredicted({ predictedResources: [...bodies.filter(({ id }) => !ids.has(id)), ...changes] }, 's');
  };

  test('adds its role and changes its setting', () => {
    expect(judgeFlip(from(), from(site, ...extraRole(write)), flipped, roles)).toEqual({ seen: 2, problems: none });
  });

  test.each<readonly [string, readonly JsonObject[]]>([
    ['no role', [site]],
    ['the role of another one', [site, ...extraRole(another)]],
    ['a role that nobody gets', [site, ...extraRole(write).slice(0, 1)]],
    [
      'a role for somebody else',
      [
        site,
        ...extraRole(write).slice(0, 1),
        { ...assignRole('00000000-0000-4000-8000-00000000000e', undefined, PERSON) },
      ],
    ],
    ['no setting', extraRole(write)],
    ['another setting too', [siteWith({ [flipped.setting]: 'enforce', UNDO_EXEMPTION: '7d' }), ...extraRole(write)]],
    ['something else that is new', [site, ...extraRole(write), { id: '/new', type: 'A/b' }]],
    [
      'something else that has changed',
      [site, ...extraRole(write), { id: ACCOUNT, type: 'Microsoft.Storage/storageAccounts', sku: {} }],
    ],
  ])('is refused with %s', (_what, changes) => {
    expect(judgeFlip(from(), from(...changes), flipped, roles).problems).not.toEqual([]);
  });

  test('is refused when something is gone', () => {
    expect(
      judgeFlip(from({ id: '/old', type: 'A/b' }), from(site, ...extraRole(write)), flipped, roles).problems,
    ).toHaveLength(1);
  });
});

function templateWith(properties: readonly string[], additionalProperties: boolean): JsonObject {
  const type = { additionalProperties, properties: Object.fromEntries(properties.map((name) => [name, {}])) };
  return { definitions: { '_1.appSettings': type } };
}

function exportRule(severity: string): JsonObject {
  return {
    rules: [{ propertyJPath: 'Severity', propertyType: 'String', operator: 'Equals', expectedValue: severity }],
  };
}

function exportOf(...severities: readonly string[]): readonly Resource[] {
  return exportWith({ sources: [{ eventSource: 'Alerts', ruleSets: severities.map(exportRule) }] });
}

function forgetting(prefixMatch?: readonly string[]): JsonObject {
  return {
    id: `${ACCOUNT}/managementPolicies/default`,
    type: 'Microsoft.Storage/storageAccounts/managementPolicies',
    properties: { policy: { rules: [{ definition: { filters: { prefixMatch } } }] } },
  };
}

function exportWith(changes: JsonObject): readonly Resource[] {
  const actions = [{ actionType: 'EventHub', eventHubResourceId: '/hub', isTrustedServiceEnabled: true }];
  const properties = { isEnabled: true, actions, ...changes };
  return listPredicted({ predictedResources: [{ id: '/a', type: 'Microsoft.Security/automations', properties }] }, 's');
}
