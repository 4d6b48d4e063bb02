import { describe, expect, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../../local/azure/json.ts';
import { billedTypes, judgeFixedCost } from '../../scripts/infra/cost-rules.ts';
import { judgeProperties, judgePublishing, propertyRules } from '../../scripts/infra/property-rules.ts';
import {
  join,
  listPredicted,
  listTemplateResources,
  listTemplates,
  problemsOf,
  type Resource,
} from '../../scripts/infra/resources.ts';
import { judgeOutputs, judgeParameters, judgeSecretReads } from '../../scripts/infra/secret-rules.ts';

function nest(resources: JsonObject, more: JsonObject = {}): JsonObject {
  return {
    resources: {
      inner: { type: 'Microsoft.Resources/deployments', properties: { template: { resources, ...more } } },
    },
  };
}

function resource(type: string, body: JsonObject = {}, id = `/x/${type}/y`): Resource {
  return { where: 'here', type: type.toLowerCase(), id, body };
}

describe('resources of a compiled template', () => {
  test('are found in nested deployments, in arrays and inside their parents; what is only looked up is left out', () => {
    const template = nest({
      account: { type: 'Microsoft.Storage/storageAccounts' },
      old: { existing: true, type: 'Microsoft.Storage/storageAccounts' },
      deeper: {
        type: 'Microsoft.Resources/deployments',
        properties: { template: { resources: [{ type: 'A/b', resources: [{ type: 'c' }] }] } },
      },
    });

    expect(listTemplateResources(template, 'm').map(({ where, type }) => `${where}: ${type}`)).toEqual([
      'm › inner: microsoft.resources/deployments',
      'm › inner › account: microsoft.storage/storageaccounts',
      'm › inner › deeper: microsoft.resources/deployments',
      'm › inner › deeper › 0: a/b',
      'm › inner › deeper › 0 › 0: c',
    ]);
    expect(listTemplates(template, 'm').map(([where]) => where)).toEqual(['m', 'm › inner', 'm › inner › deeper']);
  });

  test('are told by a snapshot, and anything else is none', () => {
    const snapshot = { predictedResources: [{ id: '/a', type: 'A/B' }] };

    expect(listPredicted(snapshot, 's')).toMatchObject([{ where: 's › /a', type: 'a/b', id: '/a' }]);
    expect(() => listPredicted({}, 's')).toThrow('s is not a snapshot');
    expect(() => listPredicted({ predictedResources: ['x'] }, 's')).toThrow('a resource that is none');
  });
});

test('a rule that has seen nothing fails', () => {
  expect(problemsOf({ seen: 0, problems: [] })).toHaveLength(1);
  expect(problemsOf({ seen: 1, problems: [] })).toEqual([]);
  expect(
    problemsOf(
      join([
        { seen: 1, problems: ['a'] },
        { seen: 0, problems: [] },
      ]),
    ),
  ).toEqual(['a']);
});

describe.each(Object.entries(propertyRules))('%s', (_what, rules) => {
  const right = new Map<string, JsonObject>();
  for (const { type, path, allowed } of rules) {
    const value = allowed.find((each) => each !== undefined);
    right.set(type, merge(right.get(type) ?? {}, path.split('.'), value));
  }
  const good = [...right].map(([type, body]) => resource(type, body));

  test('holds where every property is as it has to be', () => {
    expect(judgeProperties(good, rules)).toEqual({ seen: rules.length, problems: [] });
  });

  test.each(rules)('$type: $path', ({ type, path, allowed }) => {
    for (const wrong of ["[parameters('x')]", 'TLS1_0', null, true, false, undefined]) {
      if (allowed.includes(wrong)) continue;
      const body = merge(right.get(type) ?? {}, path.split('.'), wrong);
      const resources = good.map((each) => (each.type === type.toLowerCase() ? resource(type, body) : each));

      expect(judgeProperties(resources, rules).problems).toHaveLength(1);
    }
    // As ARM takes it, whatever the case.
    expect(judgeProperties([resource(type.toUpperCase())], [{ type, path, allowed: ['x'] }]).problems[0]).toContain(
      'is left out',
    );
  });

  test.each(rules.filter(({ allowed }) => allowed.includes(undefined)))(
    '$type: $path may not hide',
    ({ type, path }) => {
      const [top = ''] = path.split('.');
      const hidden = resource(type, { [top]: "[union(createObject(), variables('more'))]" });

      expect(judgeProperties([hidden], [{ type, path, allowed: [undefined] }]).problems).toEqual([
        expect.stringContaining('cannot be seen'),
      ]);
    },
  );

  test('what is nowhere is a problem, not a pass', () => {
    const types = new Set(rules.map(({ type }) => type));

    expect(new Set(judgeProperties([], rules).problems)).toEqual(
      new Set([...types].map((type) => `there is no ${type} to look at`)),
    );
  });
});

/** A copy with this value at the path. */
function merge(body: JsonObject, [name = '', ...rest]: readonly string[], value: JsonObject[string]): JsonObject {
  if (rest.length === 0) return { ...body, [name]: value };
  const inner = body[name];
  return { ...body, [name]: merge(isJsonObject(inner) ? inner : {}, rest, value) };
}

test('both ways to publish with a password are off', () => {
  const site = resource('Microsoft.Web/sites');
  const policy = (way: string) =>
    resource(
      'Microsoft.Web/sites/basicPublishingCredentialsPolicies',
      {},
      `/sites/a/basicPublishingCredentialsPolicies/${way}`,
    );

  expect(judgePublishing([site, policy('ftp'), policy('scm')])).toEqual({ seen: 1, problems: [] });
  expect(judgePublishing([site, policy('ftp')]).problems).toEqual(['1 sites, and 0 policies about passwords for scm']);
});

describe('secrets', () => {
  test.each([
    "[listKeys('account', '2024-01-01').keys[0].value]",
    "[format('x={0}', listAccountSas('account', '2024-01-01', createObject()).accountSasToken)]",
    "[listCredentials(resourceId('a', 'b'), '2023')]",
    'Microsoft.ContainerRegistry/registries/listCredentials/action',
    'Microsoft.Storage/storageAccounts/listKeys/action',
    'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=x',
    'Endpoint=sb://a/;SharedAccessKey=x',
    'https://a.blob.core.windows.net/c?sv=1&sig=abc',
  ])('%s is found wherever it is', (text) => {
    const template = nest({ a: { type: 'A/b', properties: { values: [{ deep: text }] } } });

    expect(judgeSecretReads(template, 'm').problems).toHaveLength(1);
    expect(judgeSecretReads({ variables: { x: text } }, 'm').problems).toHaveLength(1);
  });

  test('an expression about lists, and a text that names a function, are none', () => {
    const template = {
      variables: { a: "[length(parameters('list'))]", b: "[format('listKeys()')]", c: 'Never uses listKeys(x).' },
      parameters: { p: { metadata: { description: 'Never Microsoft.Storage/storageAccounts/listKeys/action' } } },
    };

    expect(judgeSecretReads(template, 'm')).toEqual({ seen: 3, problems: [] });
  });

  test.each([
    ['storageAccountKey', { type: 'string', value: 'x' }],
    ['functionKeys', { type: 'array', value: [] }],
    ['sasToken', { type: 'string', value: 'x' }],
    ['connectionString', { type: 'string', value: "[reference('hub').primary]" }],
    ['harmless', { type: 'securestring', value: 'x' }],
    ['harmless', { type: 'secureObject', value: {} }],
  ])('no output is one: %s %j', (name, body) => {
    expect(judgeOutputs(nest({}, { outputs: { [name]: body } }), 'm').problems).toHaveLength(1);
  });

  test('names, ids and addresses are outputs, the one of Application Insights included', () => {
    const insights = { value: "[reference('insights').ConnectionString]" };
    const outputs = { keyVaultId: { value: 'x' }, tokenEndpoint: { value: 'x' }, connectionString: insights };
    const component = { insights: { type: 'Microsoft.Insights/components' } };

    expect(judgeOutputs(nest(component, { outputs }), 'm')).toEqual({ seen: 3, problems: [] });
    // Only where that component is.
    expect(judgeOutputs(nest({}, { outputs }), 'm').problems).toHaveLength(1);
  });

  test.each([
    ['gitHubToken', { type: 'string' }],
    ['password', { type: 'object' }],
    ['gitHubToken', { type: 'securestring', defaultValue: 'x' }],
    ['harmless', { type: 'secureObject', defaultValue: { a: 1 } }],
  ])('a parameter that is one is secure, and has no default: %s %j', (name, body) => {
    expect(judgeParameters(nest({}, { parameters: { [name]: body } }), 'm').problems).toHaveLength(1);
  });

  test('other parameters are as they are', () => {
    const parameters = {
      rotatedPasswordVaultId: { type: 'string', defaultValue: '' },
      gitHubToken: { type: 'securestring' },
    };

    expect(judgeParameters(nest({}, { parameters }), 'm')).toEqual({ seen: 2, problems: [] });
  });
});

describe('with all defaults', () => {
  const plan = resource('Microsoft.Web/serverfarms', { sku: { name: 'FC1' } });

  test('nothing is billed while nothing happens', () => {
    expect(judgeFixedCost([plan, resource('Microsoft.Storage/storageAccounts')])).toEqual({ seen: 2, problems: [] });
  });

  test.each(Object.keys(billedTypes))('%s would be found', (type) => {
    expect(judgeFixedCost([plan, resource(type), resource(`${type}/child`)]).problems).toHaveLength(2);
    expect(judgeFixedCost([plan, resource(`${type}x`)]).problems).toEqual([]);
  });

  test.each([
    [resource('Microsoft.Web/serverfarms', { sku: { name: 'EP1' } }), 'has to be FC1'],
    [
      resource('Microsoft.Web/sites', {
        properties: {
          functionAppConfig: { scaleAndConcurrency: { alwaysReady: [{ name: 'http', instanceCount: 1 }] } },
        },
      }),
      'always ready',
    ],
    [resource('Microsoft.KeyVault/vaults', { properties: { sku: { name: 'premium' } } }), 'not Standard'],
    [
      resource('Microsoft.OperationalInsights/workspaces', { properties: { sku: { name: 'CapacityReservation' } } }),
      'not PerGB2018',
    ],
  ])('a dear tier would be found: %#', (dear, message) => {
    expect(judgeFixedCost([plan, dear]).problems.join()).toContain(message);
  });

  test('no plan at all is a problem', () => {
    expect(judgeFixedCost([]).problems).toEqual(['there is no plan to look at']);
  });
});
