import { assert, jsonValue, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fillTemplate, requiredTags, TAG_LIMITS } from '../../src/policy/aks/required-tags.ts';

const parse = (text: string) => requiredTags.parse(text);
const values = { subscriptionId: 'sub', resourceGroup: 'rg1', creator: 'platform-operator@contoso.example' };

describe('AKS_REQUIRED_TAGS', () => {
  test('takes a default, none, and a default among allowed values', () => {
    const text = '{"costCenter":"4711","owner":null,"environment":{"default":"prod","allowed":["prod","dev"]}}';

    expect(parse(text)).toEqual([
      { name: 'costCenter', default: '4711', allowed: undefined },
      { name: 'owner', default: undefined, allowed: undefined },
      { name: 'environment', default: 'prod', allowed: ['prod', 'dev'] },
    ]);
  });

  test('takes allowed values without a default', () => {
    expect(parse('{"environment":{"allowed":["prod"]}}')).toEqual([
      { name: 'environment', default: undefined, allowed: ['prod'] },
    ]);
  });

  test('takes the placeholders that it knows', () => {
    expect(parse('{"from":"{subscriptionId}/{resourceGroup} by {creator}"}')).toHaveLength(1);
  });

  test.each([
    ['no JSON', 'costCenter=4711'],
    ['an empty text', ''],
    ['a list', '["costCenter"]'],
    ['null', 'null'],
    ['a number as value', '{"costCenter":4711}'],
    ['a list as value', '{"costCenter":["4711"]}'],
    ['an unknown placeholder', '{"owner":"{user}"}'],
    ['an unknown placeholder among the allowed values', '{"owner":{"allowed":["{user}"]}}'],
    ['the same name in another case', '{"owner":"a","Owner":"b"}'],
    ['an empty name', '{" ":"a"}'],
    ['a name that Azure refuses', '{"a/b":"c"}'],
    ['a name that is too long', JSON.stringify({ ['n'.repeat(TAG_LIMITS.name + 1)]: 'a' })],
    ['a value that is too long', JSON.stringify({ owner: 'v'.repeat(TAG_LIMITS.value + 1) })],
    ['a default that is not allowed', '{"environment":{"default":"test","allowed":["prod"]}}'],
    ['a default that is no text', '{"environment":{"default":1,"allowed":["prod"]}}'],
    ['no allowed values', '{"environment":{"default":"prod"}}'],
    ['an empty list of allowed values', '{"environment":{"allowed":[]}}'],
    ['an allowed value that is no text', '{"environment":{"allowed":[1]}}'],
    ['an unknown property', '{"environment":{"allowed":["prod"],"require":true}}'],
    [
      'more tags than a resource may have',
      JSON.stringify(Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`t${n}`, null]))),
    ],
  ])('refuses %s', (_what, text) => {
    expect(parse(text)).toBeUndefined();
  });

  test('never throws, and gives tags only within the limits of Azure', () => {
    const names: string[] = [];
    assert(
      property(jsonValue(), string(), (json, text) => {
        names.push(
          ...(parse(JSON.stringify(json)) ?? []).map(({ name }) => name),
          ...(parse(text) ?? []).map(({ name }) => name),
        );
      }),
    );

    expect(names.filter((name) => name === '' || name.length > TAG_LIMITS.name)).toEqual([]);
  });
});

describe('a template', () => {
  test('is filled', () => {
    expect(fillTemplate('{creator} in {resourceGroup} of {subscriptionId}', values)).toBe(
      'platform-operator@contoso.example in rg1 of sub',
    );
    expect(fillTemplate('4711', values)).toBe('4711');
  });

  test('gives nothing when a value is missing or the result is too long for a tag', () => {
    expect(fillTemplate('{creator}', { ...values, creator: undefined })).toBeUndefined();
    expect(fillTemplate('{creator}', { ...values, creator: 'c'.repeat(TAG_LIMITS.value + 1) })).toBeUndefined();
  });
});
