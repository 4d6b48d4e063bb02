import { describe, expect, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../../local/azure/json.ts';
import {
  type Connection,
  judgeConnected,
  judgeCustomRoles,
  judgeNeededRoles,
} from '../../scripts/infra/access-rules.ts';
import { judgeBuiltIns, judgePermissions } from '../../scripts/infra/role-rules.ts';
import { readGivenSettings } from '../../scripts/infra/setting-rules.ts';
import { judgeTemplateRoles, judgeTypes } from '../../scripts/infra/template-rules.ts';
import type { Permissions } from '../../src/doctor/roles.ts';
import { modeSetting } from '../../src/settings/catalogue.ts';
import {
  ACCOUNT,
  assignRole,
  catalogue,
  defineRole,
  deployment,
  extraRole,
  roles,
  TOPIC,
} from './sample-deployment.ts';

const PERSON = '99999999-8888-7777-6666-555555555555';
const CONTRIBUTOR = 'b24988ac-6180-42a0-ab88-20f7382dd24c';
const SUBSCRIPTION = TOPIC.split('/resourceGroups/')[0] ?? '';
const [remediation] = catalogue.remediations.filter(({ id }) => (roles.write[id]?.actions.length ?? 0) > 0);
if (remediation === undefined) throw new Error('there is no remediation that writes');
const write: Permissions = roles.write[remediation.id] ?? { actions: [], dataActions: [] };

describe('roles without which something does not work', () => {
  const topic = `[reference('${TOPIC}', '2025-02-15', 'full').identity.principalId]`;
  const hub = `${SUBSCRIPTION}/resourceGroups/rg-a/providers/Microsoft.EventHub/namespaces/n/eventhubs/defender`;
  const component = `${SUBSCRIPTION}/resourceGroups/rg-a/providers/microsoft.insights/components/appi`;
  const needed: readonly JsonObject[] = [
    assignRole('974c5e8b-45b9-4653-ba55-5f855dd0fb88', ACCOUNT),
    assignRole(
      'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a',
      `${ACCOUNT}/queueServices/default/queues/resource-events`,
      topic,
    ),
    assignRole('ba92f5b4-2d11-453d-a403-e96b0029c9fe', `${ACCOUNT}/blobServices/default/containers/dead-letter`, topic),
    assignRole('3913510d-42f4-4e42-8a64-420c390055eb', component),
    assignRole('a638d3c7-ab3a-418d-83e6-5f17a39d4fde', hub),
    assignRole('2b629674-e913-4c01-ae53-ef4638d8f975', hub, PERSON),
  ];
  const users: readonly JsonObject[] = [
    { id: hub, type: 'Microsoft.EventHub/namespaces/eventhubs' },
    { id: component, type: 'Microsoft.Insights/components' },
  ];
  const tables = ['audit', 'work'];

  test('are there', () => {
    expect(judgeNeededRoles(deployment(...users, ...needed), tables)).toEqual({ seen: 8, problems: [] });
    expect(judgeBuiltIns(deployment(...users, ...needed)).problems).toEqual([]);
  });

  test.each(needed.map((_role, index) => index))('are missed, each: %i', (index) => {
    const others = needed.filter((_role, each) => each !== index);

    expect(judgeNeededRoles(deployment(...users, ...others), tables).problems).toHaveLength(1);
  });

  test('are missed for a table of the code, for the topic that is another one, and for somebody else', () => {
    expect(judgeNeededRoles(deployment(...users, ...needed), [...tables, 'guards']).problems).toEqual([
      expect.stringContaining('/tables/guards, and not assigned'),
    ]);
    const other = topic.replace(`${TOPIC}'`, `${TOPIC}-two'`);
    const wrong = needed.map((role, index) => (index === 1 ? isHeldBy(role, other) : role));
    expect(judgeNeededRoles(deployment(...users, ...wrong), tables).problems).toHaveLength(1);
    const given = needed.map((role, index) => (index === 0 ? isHeldBy(role, PERSON) : role));
    expect(judgeNeededRoles(deployment(...users, ...given), tables).problems).toHaveLength(1);
  });
});

function isHeldBy(assigned: JsonObject, principalId: string): JsonObject {
  return {
    ...assigned,
    properties: { ...(isJsonObject(assigned['properties']) ? assigned['properties'] : {}), principalId },
  };
}

describe('roles for somebody else', () => {
  test('built-in ones of the app are not for people', () => {
    const owner = assignRole('b7e6dc6d-f1e8-4753-8033-0f276bb0955b', ACCOUNT, PERSON);

    expect(judgeBuiltIns(deployment(owner)).problems).toEqual([expect.stringContaining('is for the app')]);
  });

  test('custom ones are for the app alone', () => {
    const name = '00000000-0000-4000-8000-00000000000e';
    const resources = [defineRole(name, write), assignRole(name, SUBSCRIPTION, PERSON)];

    expect(judgePermissions(deployment(...resources), roles).problems).toEqual([
      expect.stringContaining('not for the app'),
    ]);
  });
});

test('a custom role is one of the generated ones, with no action more and none less', () => {
  const judge = (actions: readonly string[]) =>
    judgeCustomRoles(deployment(...extraRole({ actions, dataActions: write.dataActions })), roles).problems;

  expect(judge(write.actions)).toEqual([]);
  expect(judge([...write.actions, 'Microsoft.ContainerRegistry/registries/delete'])).toHaveLength(1);
  expect(judge(write.actions.slice(1))).toHaveLength(1);
});

function assign(digit: string, permissions: Permissions, scope: string): readonly JsonObject[] {
  const name = `00000000-0000-4000-8000-0000000000${digit}`;
  return [defineRole(name, permissions, scope), assignRole(name, scope, PERSON)];
}

describe('what connects a management group', () => {
  const group = '/providers/Microsoft.Management/managementGroups/mg';
  const connection: Connection = {
    settings: readGivenSettings({ [modeSetting(remediation).name]: 'enforce' }, catalogue),
    optional: [],
    kind: 'group',
  };
  const all = [roles.read, write];
  const held = all.flatMap((role, index) =>
    assign(`c${index}`, role, role.dataActions.length === 0 ? group : SUBSCRIPTION),
  );
  const judge = (resources: readonly JsonObject[]) => {
    // Without what the app's own deployment has.
    const event = deployment().filter(({ id }) => id.startsWith(TOPIC));
    const own = deployment(...resources).filter(({ id }) => resources.some((each) => each['id'] === id));
    return judgeConnected([...event, ...own], roles, connection);
  };

  test('assigns what the settings call for', () => {
    expect(judge(held)).toEqual({ seen: 1, problems: [] });
  });

  test('and nothing less, and nothing more', () => {
    expect(judge(held.slice(2)).problems.join('\n')).toContain('is needed, and not granted');
    const more = assign('d0', { actions: ['Microsoft.ContainerRegistry/registries/delete'], dataActions: [] }, group);
    expect(judge([...held, ...more]).problems).toEqual([expect.stringContaining('nothing needs it')]);
  });
});

/** A nested template that no sample goes through. */
function inner(resources: JsonObject, variables: JsonObject = {}): JsonObject {
  const condition = "[equals(parameters('x'), 'never')]";
  const properties = { template: { resources, variables } };
  return { resources: { inner: { type: 'Microsoft.Resources/deployments', condition, properties } } };
}

function assignment(roleDefinitionId: string): JsonObject {
  return { a: { type: 'Microsoft.Authorization/roleAssignments', properties: { roleDefinitionId } } };
}

function roleWith(actions: readonly string[] | string): JsonObject {
  return { a: { type: 'Microsoft.Authorization/roleDefinitions', properties: { permissions: [{ actions }] } } };
}

describe('templates, also where no sample goes', () => {
  test('bring up only what the rules know', () => {
    expect(judgeTypes(inner({ a: { type: 'Microsoft.Web/sites' } }), 'm')).toEqual({ seen: 2, problems: [] });
    expect(judgeTypes(inner({ a: { type: 'Microsoft.DocumentDB/databaseAccounts' } }), 'm').problems).toHaveLength(1);
  });

  test('define no role with a wildcard', () => {
    expect(judgeTemplateRoles(inner(roleWith(['Microsoft.Storage/read'])), 'm')).toEqual({ seen: 1, problems: [] });
    expect(judgeTemplateRoles(inner(roleWith(['Microsoft.Storage/*'])), 'm').problems).toHaveLength(1);
    expect(
      judgeTemplateRoles(inner(roleWith("[concat(parameters('a'), createArray('*'))]")), 'm').problems,
    ).toHaveLength(1);
  });

  test('assign no role of Azure but those of the list, wherever it is named', () => {
    expect(
      judgeTemplateRoles(inner(assignment(`[subscriptionResourceId('r', '${CONTRIBUTOR}')]`)), 'm').problems,
    ).toHaveLength(1);
    expect(judgeTemplateRoles(inner({}, { role: { deep: CONTRIBUTOR } }), 'm').problems).toHaveLength(1);
    expect(judgeTemplateRoles({ variables: { role: CONTRIBUTOR } }, 'm').problems).toHaveLength(1);
    expect(judgeTemplateRoles(inner(assignment('974c5e8b-45b9-4653-ba55-5f855dd0fb88')), 'm').problems).toEqual([]);
  });
});
