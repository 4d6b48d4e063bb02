import { expect, test } from 'vitest';
import { evaluateAll } from '../../scripts/infra/evaluate.ts';
import { parseExpression, printExpression } from '../../scripts/infra/expression-syntax.ts';

test.each([
  ["[format('{0}-{1}', 'a', 3)]", 'a-3'],
  ["[if(equals(environment().name, 'AzureCloud'), 'yes', 'no')]", 'yes'],
  ["[if(not(true()), 'yes', createArray('it''s', false(), null()))]", ["it's", false, null]],
  ["[format('https://{0}', split(environment().resourceManager, '/')[2])]", 'https://management.azure.com'],
  ['[substring(environment().suffixes.keyvaultDns, 1)]', 'vault.azure.net'],
  ["[toLower(substring('ABCD', 1, 2))]", 'bc'],
  ["[union(createObject('a', '1', 'b', '2'), createObject('b', '3'))]", { a: '1', b: '3' }],
  ["[union(createArray('a', 'b'), createArray('b', 'c'))]", ['a', 'b', 'c']],
  ["[map(items(createObject('b', '2', 'a', '1')), lambda('x', lambdaVariables('x').key))]", ['a', 'b']],
  ["[filter(createArray('', 'a'), lambda('x', not(empty(lambdaVariables('x')))))]", ['a']],
  [
    "[toObject(createArray('a'), lambda('x', lambdaVariables('x')), lambda('x', format('{0}!', lambdaVariables('x'))))]",
    { a: 'a!' },
  ],
  ["[extensionResourceId('/a/b', 'C.D/e', 'f')]", '/a/b/providers/C.D/e/f'],
  ["[subscriptionResourceId('s', 'C.D/e/g', 'f', 'h')]", '/subscriptions/s/providers/C.D/e/f/g/h'],
  ['[[not an expression]', '[[not an expression]'],
  ['plain', 'plain'],
  // A text that looks like an expression, inside one.
  ["[map(createArray('[\"a\"]'), lambda('x', lambdaVariables('x')))]", ['["a"]']],
])('%s is %j', (expression, value) => {
  expect(evaluateAll(expression)).toEqual(value);
});

test('what is known only at deployment stays an expression, and keeps nothing else from being evaluated', () => {
  const identity = "reference('/x/identity', '2023-01-31')";
  const settings = `[map(items(union(createObject('A', 'a'), createObject('ID', ${identity}.clientId))), lambda('s', createObject('name', lambdaVariables('s').key, 'value', lambdaVariables('s').value)))]`;

  expect(evaluateAll({ settings: [settings] })).toEqual({
    settings: [
      [
        { name: 'A', value: 'a' },
        { name: 'ID', value: `[${identity}.clientId]` },
      ],
    ],
  });
  expect(evaluateAll(`[format('ClientId={0};x', ${identity}.clientId)]`)).toBe(
    `[format('ClientId={0};x', ${identity}.clientId)]`,
  );
  expect(evaluateAll("[strange(format('a{0}', 'b'))]")).toBe("[strange('ab')]");
});

test('identifiers made of such parts are the same for the same parts only', () => {
  const [one, same, other] = ['a', 'a', 'b'].map((text) => evaluateAll(`[guid(reference('/x').id, '${text}')]`));

  expect(one).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(same).toBe(one);
  expect(other).not.toBe(one);
});

test('another cloud has other addresses', () => {
  const cloud = {
    name: 'AzureUSGovernment',
    resourceManager: 'https://management.usgovcloudapi.net/',
    suffixes: { keyvaultDns: '.vault.usgovcloudapi.net', storage: 'core.usgovcloudapi.net' },
  };

  expect(evaluateAll('[environment().resourceManager]', cloud)).toBe(cloud.resourceManager);
});

test.each(["[a('b']", "[a('b'))]", '[a b]', '[#]', '[(a)]'])('%s is no expression', (text) => {
  expect(() => parseExpression(text)).toThrow('not an expression');
});

test('an expression is printed as it was written', () => {
  const text = "a(b('it''s', -1.5).c[d(2)], e()['f'])";

  expect(printExpression(parseExpression(`[${text}]`))).toBe("a(b('it''s', -1.5).c[d(2)], e().f)");
});
