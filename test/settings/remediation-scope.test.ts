import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { isInScope, parseRemediationScope, type Scoped } from '../../src/settings/remediation-scope.ts';

const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
const OTHER = '66666666-7777-8888-9999-aaaaaaaaaaaa';
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-shop`;
const key = `${GROUP}/providers/Microsoft.ContainerRegistry/registries/shop`.toLowerCase();

function scoped(tags: Readonly<Record<string, string>> = {}, resource = key): Scoped {
  return { key: resource, tags };
}

function holds(text: string, what: Scoped): boolean {
  const scope = parseRemediationScope(text);
  if (scope === undefined) throw new Error(`${text} is not a scope`);
  return isInScope(scope, what);
}

describe('a scope', () => {
  it.each([
    [SUBSCRIPTION, { ids: [`/subscriptions/${SUBSCRIPTION}`], tags: [] }],
    [OTHER.toUpperCase(), { ids: [`/subscriptions/${OTHER}`], tags: [] }],
    [`/subscriptions/${SUBSCRIPTION}`, { ids: [`/subscriptions/${SUBSCRIPTION}`], tags: [] }],
    [`/Subscriptions/${SUBSCRIPTION}`, { ids: [`/subscriptions/${SUBSCRIPTION}`], tags: [] }],
    [GROUP, { ids: [GROUP.toLowerCase()], tags: [] }],
    [GROUP.replace('resourceGroups', 'resourcegroups'), { ids: [GROUP.toLowerCase()], tags: [] }],
    [`${GROUP}.(dev)_1-a`, { ids: [`${GROUP.toLowerCase()}.(dev)_1-a`], tags: [] }],
    [`${GROUP}-Größe`, { ids: [`${GROUP.toLowerCase()}-größe`], tags: [] }],
    ['env=prod', { ids: [], tags: [{ name: 'env', value: 'prod' }] }],
    ['Env=Prod', { ids: [], tags: [{ name: 'env', value: 'Prod' }] }],
    ['cost center=4711 a', { ids: [], tags: [{ name: 'cost center', value: '4711 a' }] }],
    ['formula=a=b', { ids: [], tags: [{ name: 'formula', value: 'a=b' }] }],
    [
      ` env=prod , ${SUBSCRIPTION},pilot=yes `,
      {
        ids: [`/subscriptions/${SUBSCRIPTION}`],
        tags: [
          { name: 'env', value: 'prod' },
          { name: 'pilot', value: 'yes' },
        ],
      },
    ],
  ])('%s is read', (text, expected) => {
    expect(parseRemediationScope(text)).toEqual(expected);
  });

  it.each([
    '',
    ' ',
    ',',
    'env',
    'env=',
    '=prod',
    '=',
    'env =prod',
    'env=prod,',
    ',env=prod',
    'env=prod,,pilot=yes',
    'a<b=c',
    'a>b=c',
    'a%b=c',
    'a&b=c',
    'a\\b=c',
    'a?b=c',
    'a/b=c',
    'env\n=prod',
    'env=pr\0od',
    'env=pr\u200Bod',
    '\uFEFFenv=prod',
    `${'n'.repeat(513)}=x`,
    `n=${'x'.repeat(257)}`,
    `{${SUBSCRIPTION}}`,
    SUBSCRIPTION.slice(1),
    `${SUBSCRIPTION}0`,
    SUBSCRIPTION.replace('-', ''),
    `subscriptions/${SUBSCRIPTION}`,
    `/subscriptions/${SUBSCRIPTION}/`,
    `/subscriptions/${SUBSCRIPTION.replace('1', 'g')}`,
    `/subscriptions/------------------------------------`,
    '/subscriptions/',
    '/subscriptions/*',
    `${GROUP}/`,
    `${GROUP}.`,
    `/subscriptions/${SUBSCRIPTION}/resourceGroups`,
    `/subscriptions/${SUBSCRIPTION}/resourceGroups/`,
    `/subscriptions/${SUBSCRIPTION}/resourceGroups/${'g'.repeat(91)}`,
    `${GROUP}/providers/Microsoft.ContainerRegistry/registries/shop`,
    `${GROUP}/../other`,
    '/providers/Microsoft.Management/managementGroups/mg',
    '*',
    'all',
    'null',
    'none',
  ])('%j is none', (text) => {
    expect(parseRemediationScope(text)).toBeUndefined();
    expect(parseRemediationScope(`${SUBSCRIPTION},${text}`)).toBeUndefined();
  });

  test('is undefined or what it says, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
        const scope = parseRemediationScope(text);
        const entries = scope === undefined ? [] : [...scope.ids, ...scope.tags];
        expect(entries).toHaveLength(scope === undefined ? 0 : text.split(',').length);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a resource is in scope', () => {
  test('anywhere, where there is none', () => {
    expect(isInScope(undefined, scoped())).toBe(true);
  });

  it.each([
    [SUBSCRIPTION, true],
    [SUBSCRIPTION.toUpperCase(), true],
    [GROUP, true],
    [GROUP.toUpperCase(), true],
    [`${OTHER},${SUBSCRIPTION}`, true],
    [`${GROUP},${OTHER}`, true],
    [OTHER, false],
    [`${GROUP}s`, false],
    [GROUP.slice(0, -1), false],
    [GROUP.replace(SUBSCRIPTION, OTHER), false],
  ])('by its place: %s is %s', (text, expected) => {
    expect(holds(text, scoped())).toBe(expected);
  });

  it.each<[string, Record<string, string>, boolean]>([
    ['env=prod', { env: 'prod' }, true],
    ['env=prod', { ENV: 'prod' }, true],
    ['ENV=prod', { env: 'prod', other: 'x' }, true],
    ['env=prod,env=test', { env: 'test' }, true],
    ['env=prod', {}, false],
    ['env=prod', { env: 'Prod' }, false],
    ['env=prod', { env: 'prod ' }, false],
    ['env=prod', { env: '' }, false],
    ['env=prod', { environment: 'prod' }, false],
    ['env=prod', { prod: 'env' }, false],
    ['__proto__=x', {}, false],
    ['constructor=x', {}, false],
  ])('by its tags: %s and %j is %s', (text, tags, expected) => {
    expect(holds(text, scoped(tags))).toBe(expected);
  });

  it.each<[string, Record<string, string>, boolean]>([
    [`${GROUP},env=prod`, { env: 'prod' }, true],
    [`${GROUP},env=prod`, { env: 'test' }, false],
    [`${GROUP},env=prod`, {}, false],
    [`${OTHER},env=prod`, { env: 'prod' }, false],
    [`${OTHER},${GROUP},env=prod,pilot=yes`, { pilot: 'yes' }, true],
  ])('only by both, where both are named: %s and %j is %s', (text, tags, expected) => {
    expect(holds(text, scoped(tags))).toBe(expected);
  });

  test('never by what is absent', () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(
        name,
        fc.stringMatching(/^[A-Za-z0-9]{1,8}$/),
        fc.dictionary(name, fc.string()),
        (wanted, value, tags) => {
          const isCarried = Object.entries(tags).some(([tag, text]) => tag === wanted && text === value);
          expect(holds(`${wanted}=${value}`, scoped(tags))).toBe(isCarried);
        },
      ),
    );
  });
});
