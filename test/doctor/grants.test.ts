import { describe, expect, it } from 'vitest';
import { allows, coversScope, listGrants, takeAway } from '../../src/doctor/grants.ts';
import { destinationOf, findHeldBack, findLost } from '../../src/doctor/system-topics.ts';

function role(permission: Readonly<Record<string, readonly string[]>>) {
  return { permissions: [{ actions: [], notActions: [], dataActions: [], notDataActions: [], ...permission }] };
}

describe('what a role allows', () => {
  it('is what it names, by wildcards as well, without regard to case', () => {
    const grant = role({ actions: ['Microsoft.X/a/*', 'Microsoft.Y/b/read'] });

    expect(allows(grant, 'microsoft.x/a/b/write')).toBe(true);
    expect(allows(grant, 'Microsoft.Y/b/READ')).toBe(true);
    expect(allows(grant, 'Microsoft.Y/b/write')).toBe(false);
    // A full stop is one, and stands for nothing else.
    expect(allows(role({ actions: ['Microsoft.Y/b/read'] }), 'MicrosoftxY/b/read')).toBe(false);
  });

  it('is not what it excludes', () => {
    const grant = role({ actions: ['*'], notActions: ['Microsoft.Authorization/*/Write'] });

    expect(allows(grant, 'Microsoft.Authorization/roleAssignments/write')).toBe(false);
    expect(allows(grant, 'Microsoft.Authorization/roleAssignments/read')).toBe(true);
  });

  it('covers no data by actions, and the other way round', () => {
    expect(allows(role({ actions: ['*'] }), 'Microsoft.X/a/read', 'dataActions')).toBe(false);
    expect(allows(role({ dataActions: ['Microsoft.X/a/read'] }), 'Microsoft.X/a/read', 'dataActions')).toBe(true);
    expect(allows(role({ dataActions: ['Microsoft.X/a/read'] }), 'Microsoft.X/a/read')).toBe(false);
    expect(
      allows(role({ dataActions: ['*'], notDataActions: ['Microsoft.X/a/*'] }), 'Microsoft.X/a/read', 'dataActions'),
    ).toBe(false);
  });
});

const assigned = (principalId: string) => ({
  id: `/assignments/${principalId}`,
  properties: { scope: '/subscriptions/s/', roleDefinitionId: '/d', principalId },
});

describe('a role that is held through a group', () => {
  const definition = { id: 'd', name: 'of-a-test', properties: { permissions: [] } };
  const arm = {
    get: async () => await Promise.resolve(definition),
    list: async () => await Promise.resolve([assigned('APP'), assigned('group')]),
    ask: async () => await Promise.resolve({}),
    askTime: async () => await Promise.resolve(undefined),
  };

  it('is not taken from the other members', async () => {
    const grants = await listGrants(arm, 's', 'app', new Map());

    expect(grants.map((grant) => takeAway(grant, 'app'))).toEqual([
      "az role assignment delete --ids '/assignments/APP'",
      "az ad group member remove --group 'group' --member-id 'app'",
    ]);
  });
});

describe('where a role holds', () => {
  const subscription = '/subscriptions/11111111-2222-3333-4444-555555555555';

  it.each([
    ['', subscription, true],
    ['/providers/Microsoft.Management/managementGroups/mg', subscription, true],
    [subscription.toUpperCase(), `${subscription}/resourceGroups/rg`, true],
    [`${subscription}/resourceGroups/rg`, subscription, false],
    [`${subscription}/resourceGroups/rg`, `${subscription}/resourceGroups/rg-2`, false],
  ])('one at %j holds at %s: %s', (scope, wanted, isCovered) => {
    expect(coversScope({ scope }, wanted)).toBe(isCovered);
  });
});

function prefixes(values: string[], operatorType = 'StringBeginsWith') {
  return { operatorType, key: 'data.operationName', values };
}

function filter(change: object) {
  return {
    subjectBeginsWith: undefined,
    subjectEndsWith: undefined,
    includedEventTypes: undefined,
    advancedFilters: undefined,
    ...change,
  };
}

describe('what a filter holds back', () => {
  const needed = { eventTypes: ['A.Write', 'A.Delete'], operationPrefixes: ['Microsoft.X/a/', 'Microsoft.Y/b/'] };
  const nothing = { eventTypes: [], operationPrefixes: [], unclear: [] };
  it.each([
    ['no filter', {}],
    ['all types', { includedEventTypes: ['All'] }],
    ['the types, in another casing', { includedEventTypes: ['a.write', 'a.delete', 'a.other'] }],
    ['shorter prefixes', { advancedFilters: [prefixes(['microsoft.x/', 'Microsoft.Y/'])] }],
    ['parts of the prefixes', { advancedFilters: [prefixes(['X/a', 'Y/b'], 'StringContains')] }],
    ['empty conditions on the subject', { subjectBeginsWith: '', subjectEndsWith: '' }],
  ])('%s holds back nothing', (_, change) => {
    expect(findHeldBack(filter(change), needed)).toEqual(nothing);
  });

  it('tells types, prefixes and what is not clear', () => {
    expect(findHeldBack(filter({ includedEventTypes: ['A.Write'] }), needed)).toEqual({
      ...nothing,
      eventTypes: ['A.Delete'],
    });
    // A longer value lets through a part of what is needed.
    expect(
      findHeldBack(filter({ advancedFilters: [prefixes(['Microsoft.X/a/write', 'Microsoft.Y/'])] }), needed),
    ).toEqual({
      ...nothing,
      operationPrefixes: ['Microsoft.X/a/'],
    });
    // All filters have to hold.
    const two = { advancedFilters: [prefixes(['Microsoft.X/']), prefixes(['Microsoft.Y/'])] };
    expect(findHeldBack(filter(two), needed).operationPrefixes).toEqual(needed.operationPrefixes);
    expect(findHeldBack(filter({ advancedFilters: [prefixes([])] }), needed).operationPrefixes).toHaveLength(2);
    const odd = [
      prefixes(['Microsoft.X/'], 'StringNotBeginsWith'),
      { operatorType: 'StringIn', key: 'data.status', values: [] },
    ];
    expect(findHeldBack(filter({ subjectEndsWith: '/x', advancedFilters: odd }), needed)).toEqual({
      ...nothing,
      unclear: ['subject ends with /x', 'StringIn on data.status', 'StringNotBeginsWith on data.operationName'],
    });
  });

  it('is let through by one of several as a whole, or lost', () => {
    const writes = { includedEventTypes: ['A.Write'] };
    const deletes = { includedEventTypes: ['A.Delete'] };
    const ofX = { advancedFilters: [prefixes(['Microsoft.X/'])] };
    const ofY = { advancedFilters: [prefixes(['Microsoft.Y/'])] };
    const [, y] = needed.operationPrefixes;
    const lose = (...changes: object[]) => findLost(changes.map(filter), needed);

    expect(lose(writes, deletes)).toEqual({ lost: [], unclear: [] });
    expect(lose(ofX, ofY)).toEqual({ lost: [], unclear: [] });
    expect(lose({ ...writes, ...ofX })).toEqual({ lost: ['A.Delete', y], unclear: [] });
    // Each type and each prefix passes somewhere, and not together.
    expect(lose(writes, { ...deletes, ...ofX })).toEqual({ lost: [`A.Delete of ${y}`], unclear: [] });
    // One that nobody can tell about makes up for none.
    const odd = { subjectBeginsWith: '/x' };
    expect(lose(odd, writes)).toEqual({ lost: [], unclear: ['subject begins with /x'] });
    expect(lose(odd, {})).toEqual({ lost: [], unclear: [] });
    expect(findLost([filter(writes)], { ...needed, operationPrefixes: [] })).toEqual({
      lost: ['A.Delete'],
      unclear: [],
    });
  });

  it('knows where events go, with an identity or without', () => {
    const empty = {
      endpointType: undefined,
      properties: { resourceId: undefined, queueName: undefined, blobContainerName: undefined },
    };
    const queue = { ...empty, endpointType: 'StorageQueue', properties: { ...empty.properties, queueName: 'q' } };
    const none = {
      identity: { type: undefined, userAssignedIdentity: undefined },
      destination: empty,
      deadLetterDestination: empty,
    };
    const properties = {
      provisioningState: undefined,
      eventDeliverySchema: undefined,
      expirationTimeUtc: undefined,
      deadLetterDestination: empty,
      deadLetterWithResourceIdentity: none,
      filter: filter({}),
    };
    const plain = {
      id: 'x',
      name: 'x',
      properties: { ...properties, destination: queue, deliveryWithResourceIdentity: none },
    };
    const withIdentity = {
      ...plain,
      properties: {
        ...plain.properties,
        destination: empty,
        deliveryWithResourceIdentity: { ...none, destination: queue },
      },
    };

    expect(destinationOf(plain)).toMatchObject({ isByIdentity: false, queueName: 'q' });
    expect(destinationOf(withIdentity)).toMatchObject({ isByIdentity: true, queueName: 'q' });
  });
});
