import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { ParseEventsOptions } from '../../src/events/parse-events.ts';
import { type ParsedInput, parseMessage } from '../../src/events/parse-message.ts';

const FOLDER = new URL('../fixtures/events/', import.meta.url);
const REGISTRY_KEY =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups/rg-shop/providers/microsoft.containerregistry/registries/shopregistry';
const CLUSTER_KEY =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups/rg-shop/providers/microsoft.containerservice/managedclusters/shop-cluster';
const VAULT_KEY =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups/rg-shop/providers/microsoft.keyvault/vaults/shop-vault';
const OWN = 'aaaaaaaa-0000-4000-8000-000000000003';
const OWN_CLIENT = 'bbbbbbbb-0000-4000-8000-000000000003';
const OBJECT_ID = 'http://schemas.microsoft.com/identity/claims/objectidentifier';
const options: ParseEventsOptions = { ownPrincipalId: OWN, ownClientId: OWN_CLIENT, actorNames: false };

function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
}

const SampleEvent = z.looseObject({ data: z.record(z.string(), z.unknown()).default({}) });
type SampleEvent = z.infer<typeof SampleEvent>;

/** The one event of a fixture, as an object that a test may change. */
function event(name: string): SampleEvent {
  const content = readFixture(name);
  return SampleEvent.parse(Array.isArray(content) ? content[0] : content);
}

function parseOne(message: unknown, changed: Partial<ParseEventsOptions> = {}): ParsedInput {
  const results = parseMessage(message, { ...options, ...changed });
  expect(results).toHaveLength(1);
  const [result] = results;
  if (result === undefined) throw new Error('unreachable: the length is 1');
  return result;
}

function causeOf(result: ParsedInput) {
  if (result.result !== 'cause') throw new Error(`expected a cause, got ${JSON.stringify(result)}`);
  return result;
}

function reasonOf(result: ParsedInput): string {
  return result.result === 'cause' ? `cause ${result.resourceId.name}` : `${result.result} ${result.reason}`;
}

function replaceAt(root: SampleEvent, at: number, junk: unknown): unknown {
  const places: [object, string][] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, child] of Object.entries(node)) {
      places.push([node, key]);
      visit(child);
    }
  };
  visit(root);
  const place = places[at % places.length];
  if (place !== undefined) Reflect.set(place[0], place[1], junk);
  return root;
}

function nest(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? { a: value } : [value];
  return value;
}

describe('events of Azure Resource Manager', () => {
  test('a write becomes a cause for the registry, with its time cut to milliseconds', () => {
    const result = causeOf(parseOne(readFixture('arm-registry-write-by-user.eventgrid.json')));

    expect(result.resourceId.key).toBe(REGISTRY_KEY);
    expect(result.cause).toEqual({
      kind: 'event',
      id: '00000001-ffff-4000-8000-000000000000',
      time: '2026-11-02T18:38:04.611Z',
      operation: 'Microsoft.ContainerRegistry/registries/write',
      actor: {
        id: 'aaaaaaaa-0000-4000-8000-000000000001',
        type: 'User',
        application: '04b07795-8ddb-461a-bbee-02f9e1bf7b46',
      },
      correlationId: 'cccccccc-0000-4000-8000-000000000001',
    });
  });

  test('the same event in the other schema gives the same cause', () => {
    const grid = parseOne(readFixture('arm-registry-write-by-user.eventgrid.json'));

    expect(parseOne(readFixture('arm-registry-write-by-user.cloudevents.json'))).toEqual(grid);
  });

  test('a dead-lettered event is read as the event that it was', () => {
    const grid = parseOne(readFixture('arm-registry-write-by-user.eventgrid.json'));

    expect(parseOne(readFixture('arm-registry-write-dead-lettered.eventgrid.json'))).toEqual(grid);
  });

  test('an event without claims, authorization and versions is enough', () => {
    const { cause } = causeOf(parseOne(readFixture('arm-registry-write-minimal.eventgrid.json')));

    expect(cause).toEqual({
      kind: 'event',
      id: '00000002-ffff-4000-8000-000000000000',
      time: '2026-11-02T18:38:04.611Z',
      operation: 'Microsoft.ContainerRegistry/registries/write',
      correlationId: 'cccccccc-0000-4000-8000-000000000002',
    });
  });

  test.each([
    ['arm-agent-pool-write-by-managed-identity.cloudevents.json', CLUSTER_KEY],
    ['arm-tags-write.eventgrid.json', CLUSTER_KEY],
    ['arm-role-assignment-write.eventgrid.json', REGISTRY_KEY],
    ['arm-token-delete.eventgrid.json', REGISTRY_KEY],
  ])('%s is a cause for the resource that it belongs to, and no deletion', (name, key) => {
    const { resourceId, cause } = causeOf(parseOne(readFixture(name), { ownPrincipalId: 'x', ownClientId: 'y' }));

    expect(resourceId.key).toBe(key);
    expect(cause).not.toHaveProperty('deleted');
  });

  test('the deletion of the resource itself is marked as such', () => {
    const { resourceId, cause } = causeOf(parseOne(readFixture('arm-registry-delete.eventgrid.json')));

    expect(resourceId.key).toBe(REGISTRY_KEY);
    expect(resourceId.id).toContain('/resourceGroups/');
    expect(cause.deleted).toBe(true);
  });

  test('the resource is read from the subject when the data does not name it', () => {
    const changed = event('arm-registry-write-minimal.eventgrid.json');
    delete changed.data['resourceUri'];

    expect(causeOf(parseOne(changed)).resourceId.key).toBe(REGISTRY_KEY);
  });

  test.each([
    ['Microsoft.ContainerRegistry/registries/listCredentials/action', 'cause shopregistry'],
    ['Microsoft.ContainerRegistry/registries/LISTCREDENTIALS/ACTION', 'cause shopregistry'],
    ['Microsoft.ContainerRegistry/registries/LISTUSAGES/ACTION', 'ignored operation-not-relevant'],
    ['Microsoft.ContainerRegistry/registries/webhooks/getCallbackConfig/action', 'ignored operation-not-relevant'],
    ['Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action', 'cause shopregistry'],
    ['Microsoft.ContainerService/managedClusters/listClusterUserCredential/action', 'ignored operation-not-relevant'],
    [
      'Microsoft.ContainerService/managedClusters/accessProfiles/listCredential/action',
      'ignored operation-not-relevant',
    ],
    ['Microsoft.ContainerRegistry/registries/regenerateCredential/action', 'cause shopregistry'],
    ['Microsoft.ContainerRegistry/registries/generateCredentials/action', 'cause shopregistry'],
    ['Microsoft.ContainerService/managedClusters/start/action', 'cause shopregistry'],
    ['Microsoft.ContainerRegistry/registries/write', 'cause shopregistry'],
  ])('the operation %s is: %s', (operationName, expected) => {
    const changed = event('arm-registry-list-credentials.eventgrid.json');

    expect(reasonOf(parseOne({ ...changed, data: { ...changed.data, operationName } }))).toBe(expected);
  });

  test.each([
    ['Microsoft.Resources.ResourceWriteSuccess', 'cause shopregistry'],
    ['MICROSOFT.RESOURCES.RESOURCEACTIONSUCCESS', 'cause shopregistry'],
    ['Microsoft.Resources.ResourceDeleteSuccess', 'cause shopregistry'],
    ['Microsoft.Resources.ResourceWriteFailure', 'ignored operation-not-effective'],
    ['Microsoft.Resources.ResourceActionCancel', 'ignored operation-not-effective'],
    ['Microsoft.Resources.ResourceReadSuccess', 'ignored event-type-not-covered'],
    ['Microsoft.Resources.ResourceWriteSuccess2', 'ignored event-type-not-covered'],
  ])('the event type %s is: %s', (eventType, expected) => {
    expect(reasonOf(parseOne({ ...event('arm-registry-write-minimal.eventgrid.json'), eventType }))).toBe(expected);
  });
});

test('what is ignored or invalid names its event, where it has an id', () => {
  expect(parseOne(readFixture('arm-storage-write.eventgrid.json'))).toHaveProperty('eventId');
  expect(parseOne(readFixture('kubernetes-version-available-malformed.cloudevents.json'))).toHaveProperty('eventId');
  expect(parseOne(readFixture('activity-log-diagnostic.json'))).not.toHaveProperty('eventId');
});

describe('whoever reads a credential', () => {
  test.each([
    ['arm-registry-list-credentials.eventgrid.json', REGISTRY_KEY],
    ['arm-cluster-list-admin-credential.eventgrid.json', CLUSTER_KEY],
  ])('has changed nothing, and is remembered: %s', (name, key) => {
    const { cause, resourceId } = causeOf(parseOne(readFixture(name)));

    expect(resourceId.key).toBe(key);
    expect(cause).toMatchObject({ kind: 'notification', actor: { type: 'ServicePrincipal' } });
    expect(cause.correlationId).toMatch(/^cccccccc-/);
  });

  test('is dropped like any other when it was us', () => {
    expect(
      reasonOf(
        parseOne(event('arm-cluster-list-admin-credential.eventgrid.json'), {
          ownPrincipalId: 'aaaaaaaa-0000-4000-8000-000000000002',
        }),
      ),
    ).toBe('ignored own-write');
  });
});

describe('a notification', () => {
  const KEY_NAME = 'key-near-expiry.eventgrid.json';

  test.each([
    ['resource-notification-cluster.cloudevents.json', CLUSTER_KEY],
    ['scheduled-event-upgrade.eventgrid.json', CLUSTER_KEY],
    ['cluster-support-ending.eventgrid.json', CLUSTER_KEY],
    ['node-pool-rolling-failed.cloudevents.json', CLUSTER_KEY],
    ['policy-state-changed-registry.eventgrid.json', REGISTRY_KEY],
    [KEY_NAME, `${VAULT_KEY}/keys/shop-key`],
    ['image-pushed.cloudevents.json', REGISTRY_KEY],
  ])('%s is a cause that names nobody and is no deletion', (name, key) => {
    const { cause, resourceId } = causeOf(parseOne(readFixture(name), { isImageWatched: true }));

    expect(resourceId.key).toBe(key);
    expect(Object.keys(cause).toSorted()).toEqual(['id', 'kind', 'operation', 'time']);
    expect(cause.kind).toBe('notification');
  });

  test('of a deletion marks the resource itself as deleted, and nothing below it', () => {
    const deleted = event('resource-notification-cluster-deleted.eventgrid.json');
    const resourceInfo = { id: `${CLUSTER_KEY}/agentPools/system` };

    expect(causeOf(parseOne(deleted)).cause.deleted).toBe(true);
    expect(causeOf(parseOne({ ...deleted, data: { resourceInfo } })).cause).not.toHaveProperty('deleted');
  });

  test('names its resource in the subject, where the data does not', () => {
    const { cause, resourceId } = causeOf(
      parseOne({ ...event('resource-notification-cluster-deleted.eventgrid.json'), data: 'none' }),
    );

    expect(resourceId.key).toBe(CLUSTER_KEY);
    expect(cause.deleted).toBe(true);
  });

  test.each([
    ['2021-03-27T18:37:42.4496956Z', '2021-03-27T18:37:42.449Z'],
    ['yesterday', '2026-11-02T18:38:04.611Z'],
    [undefined, '2026-11-02T18:38:04.611Z'],
    [7, '2026-11-02T18:38:04.611Z'],
  ])('of a policy state with the timestamp %s is of %s', (timestamp, expected) => {
    const changed = event('policy-state-changed-registry.eventgrid.json');

    expect(causeOf(parseOne({ ...changed, data: { ...changed.data, timestamp } })).cause.time).toBe(expected);
  });

  test('of a policy state is known with the blank at its end that is published, too', () => {
    const eventType = 'Microsoft.PolicyInsights.PolicyStateChanged ';
    const { cause } = causeOf(parseOne({ ...event('policy-state-changed-registry.eventgrid.json'), eventType }));

    expect(cause.operation).toBe('Microsoft.PolicyInsights.PolicyStateChanged');
  });

  test.each([
    'Microsoft.PolicyInsights.PolicyStateDeleted',
    'Microsoft.KeyVault.SecretNearExpiry',
    'Microsoft.KeyVault.SecretExpired',
    'Microsoft.KeyVault.CertificateExpired',
    'Microsoft.KeyVault.VaultAccessPolicyChanged',
    'Microsoft.ResourceNotifications.HealthResources.AvailabilityStatusChanged',
    'Microsoft.ResourceNotifications.AKSResources.FleetGateUpdated',
    'Microsoft.ContainerService.NodePoolRollingPaused',
    'XMicrosoft.KeyVault.KeyNearExpiry',
    'Microsoft.KeyVault.KeyNearExpiry2',
  ])('of the type %s is of no interest', (eventType) => {
    expect(reasonOf(parseOne({ ...event(KEY_NAME), eventType }))).toBe('ignored event-type-not-covered');
  });

  test.each([
    [{ ObjectName: 'a-key' }, 'cause shop-vault/a-key'],
    [{ 'ObjectName ': ' a-key ' }, 'cause shop-vault/a-key'],
    [{ ' oBJECTnAME': 'a-key' }, 'cause shop-vault/a-key'],
    [{ ObjectName: 'a/../b' }, 'invalid invalid-resource-id'],
    [{ ObjectName: '../secrets' }, 'invalid invalid-resource-id'],
    [{ ObjectName: 'a key' }, 'invalid invalid-resource-id'],
    [{ ObjectName: 'clé' }, 'invalid invalid-resource-id'],
    [{ ObjectName: 'a%2Fb' }, 'invalid invalid-resource-id'],
    [{ ObjectName: 'a?b#c' }, 'invalid invalid-resource-id'],
    [{ ObjectName: 'x'.repeat(128) }, 'invalid invalid-resource-id'],
    [{ ObjectName: '  ' }, 'invalid missing-field:ObjectName'],
    [{ ObjectName: 7 }, 'invalid missing-field:ObjectName'],
    [{}, 'invalid missing-field:ObjectName'],
    [[], 'invalid missing-field:ObjectName'],
    [null, 'invalid missing-field:ObjectName'],
  ])('of a key with the data %j is: %s', (data, expected) => {
    expect(reasonOf(parseOne({ ...event(KEY_NAME), data }))).toBe(expected);
  });

  test('of a key of something that is no vault is of no interest', () => {
    expect(reasonOf(parseOne({ ...event(KEY_NAME), topic: REGISTRY_KEY.replace('registries', 'other') }))).toBe(
      'ignored resource-type-not-covered',
    );
  });

  test.each([
    ['ImagePushed', REGISTRY_KEY, true, 'cause shopregistry'],
    ['ImageDeleted', REGISTRY_KEY, true, 'cause shopregistry'],
    ['chartpushed', REGISTRY_KEY, true, 'cause shopregistry'],
    ['Microsoft.ContainerRegistry.ChartDeleted', REGISTRY_KEY, true, 'cause shopregistry'],
    ['Microsoft.ContainerRegistry.ImagePushed', REGISTRY_KEY, false, 'ignored event-type-not-covered'],
    ['Microsoft.ContainerRegistry.ImagePushed', REGISTRY_KEY, undefined, 'ignored event-type-not-covered'],
    ['Microsoft.ContainerRegistry.ImageQuarantined', REGISTRY_KEY, true, 'ignored event-type-not-covered'],
    ['ImagePushed', CLUSTER_KEY, true, 'ignored event-type-not-covered'],
    ['ImagePushed', '/subscriptions/x', true, 'ignored event-type-not-covered'],
    ['ImagePushed', 'a topic of somebody', true, 'ignored event-type-not-covered'],
    ['ImagePushed', `${REGISTRY_KEY}/tokens/t`, true, 'ignored event-type-not-covered'],
    [
      'ImagePushed',
      '/subscriptions/x/providers/Microsoft.ContainerRegistry/registries/r',
      true,
      'invalid invalid-resource-id',
    ],
  ])('of an image: %s from %s, watched %s, is: %s', (eventType, topic, isImageWatched, expected) => {
    const image = { ...event('image-pushed-bare.eventgrid.json'), eventType, topic };

    expect(reasonOf(parseOne(image, isImageWatched === undefined ? {} : { isImageWatched }))).toBe(expected);
  });

  test.each([
    ['resource-notification-storage.cloudevents.json', 'ignored resource-type-not-covered'],
    ['policy-state-changed-storage.cloudevents.json', 'ignored resource-type-not-covered'],
  ])('about something foreign is ignored: %s', (name, expected) => {
    expect(reasonOf(parseOne(readFixture(name)))).toBe(expected);
  });

  test.each([
    ['without a resource', { subject: undefined, data: {} }, 'resourceUri'],
    ['without an id', { id: undefined }, 'id'],
    ['without a time', { eventTime: 'soon' }, 'eventTime'],
  ])('%s says so', (_what, change, field) => {
    const message = { ...event('resource-notification-registry.eventgrid.json'), ...change };

    expect(reasonOf(parseOne(message))).toBe(`invalid missing-field:${field}`);
  });
});

describe('a message that is nested', () => {
  const DEEP = 100_000;

  test('64 levels deep is judged like any other; one more is not', () => {
    expect(reasonOf(parseOne({ value: 1, a: nest(62) }))).toBe('invalid unknown-envelope');
    expect(reasonOf(parseOne({ value: 1, a: nest(63) }))).toBe('invalid too-deep');
  });

  test('without end is too deep, as text, as bytes, in base64, and as an object', () => {
    const text = `{"a":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`;

    for (const message of [text, Buffer.from(text), Buffer.from(text).toString('base64'), nest(DEEP)])
      for (const result of parseMessage(message, options)) expect(reasonOf(result)).toBe('invalid too-deep');
  });

  test('takes none of its neighbours along', () => {
    const good = event('arm-registry-write-by-user.eventgrid.json');

    expect(parseMessage([good, nest(DEEP), good], options).map((result) => reasonOf(result))).toEqual([
      'cause shopregistry',
      'invalid too-deep',
      'cause shopregistry',
    ]);
  });

  test('in circles is too deep', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;

    expect(reasonOf(parseOne(circle))).toBe('invalid too-deep');
  });
});

describe('the writer', () => {
  test.each([
    [
      'a user',
      'arm-registry-write-by-user.eventgrid.json',
      { id: 'aaaaaaaa-0000-4000-8000-000000000001', type: 'User', application: '04b07795-8ddb-461a-bbee-02f9e1bf7b46' },
    ],
    [
      'a service principal',
      'arm-registry-regenerate-by-service-principal.eventgrid.json',
      {
        id: 'aaaaaaaa-0000-4000-8000-000000000002',
        type: 'ServicePrincipal',
        application: 'bbbbbbbb-0000-4000-8000-000000000002',
      },
    ],
    [
      'a managed identity',
      'arm-agent-pool-write-by-managed-identity.cloudevents.json',
      { id: OWN, type: 'ServicePrincipal', application: OWN_CLIENT },
    ],
    [
      'a user whose role comes through a group',
      'arm-cluster-write-through-group.eventgrid.json',
      { id: 'aaaaaaaa-0000-4000-8000-000000000001', type: 'User', application: '04b07795-8ddb-461a-bbee-02f9e1bf7b46' },
    ],
    ['nobody', 'arm-registry-write-minimal.eventgrid.json', undefined],
  ])('is %s', (_who, name, actor) => {
    const { cause } = causeOf(parseMessage(readFixture(name), { actorNames: false })[0] ?? parseOne(null));

    expect(cause.actor).toEqual(actor);
  });

  test('is named only when the operator asked for names', () => {
    const message = readFixture('arm-registry-write-by-user.eventgrid.json');

    expect(causeOf(parseOne(message, { actorNames: true })).cause.actor?.name).toBe(
      'platform-operator@contoso.example',
    );
    expect(causeOf(parseOne(message)).cause.actor).not.toHaveProperty('name');
  });

  test.each([
    [
      { 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name': 'live.com#ann\u0000\u202E' },
      { name: 'live.com#ann' },
    ],
    [{ 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn': ' \n ' }, { type: 'User' }],
    [{ appid: OWN_CLIENT }, { type: 'ServicePrincipal', application: OWN_CLIENT }],
    [{ [OBJECT_ID]: 'not an id; DROP' }, undefined],
    [{ [OBJECT_ID]: 7, appid: null }, undefined],
    ['a string', undefined],
    [[], undefined],
  ])('is read from the claims %j as %j', (claims, actor) => {
    const changed = event('arm-registry-write-minimal.eventgrid.json');
    const message = { ...changed, data: { ...changed.data, claims } };

    expect(causeOf(parseMessage(message, { actorNames: true })[0] ?? parseOne(null)).cause.actor).toEqual(actor);
  });

  test('is taken from the role assignment when no claim names it, in the spelling with dashes', () => {
    const changed = event('arm-registry-write-minimal.eventgrid.json');
    const evidence = { principalId: 'AAAAAAAA000040008000000000000009', principalType: 'group' };

    const { cause } = causeOf(parseOne({ ...changed, data: { ...changed.data, authorization: { evidence } } }));

    expect(cause.actor).toEqual({ id: 'aaaaaaaa-0000-4000-8000-000000000009', type: 'Group' });
  });
});

describe('an own write', () => {
  const own = event('arm-registry-regenerate-by-own-identity.eventgrid.json');
  const ignoredOwn = 'ignored own-write';

  test.each([
    ['the object id', { ownPrincipalId: OWN }, own, ignoredOwn],
    ['the object id in another casing', { ownPrincipalId: OWN.toUpperCase() }, own, ignoredOwn],
    ['the client id alone', { ownClientId: OWN_CLIENT }, own, ignoredOwn],
    ['nothing, when we do not know who we are', {}, own, 'cause shopregistry'],
    [
      'nothing, when it was somebody else',
      { ownPrincipalId: 'aaaaaaaa-0000-4000-8000-0000000000ff' },
      own,
      'cause shopregistry',
    ],
    [
      'not by the client id when the object id is of somebody else',
      { ownPrincipalId: 'aaaaaaaa-0000-4000-8000-0000000000ff', ownClientId: OWN_CLIENT },
      own,
      'cause shopregistry',
    ],
    [
      'the role assignment, when there are no claims',
      { ownPrincipalId: OWN },
      { ...own, data: { ...own.data, claims: undefined } },
      ignoredOwn,
    ],
  ])('is recognised by %s', (_what, ids, message, expected) => {
    const [result] = parseMessage(message, { ...ids, actorNames: false });

    expect(result && reasonOf(result)).toBe(expected);
  });

  test('is dropped before anything else about the event is judged', () => {
    expect(reasonOf(parseOne({ ...own, eventType: 'Whatever', subject: 7, id: undefined }))).toBe(ignoredOwn);
  });
});

describe('a message', () => {
  const one = event('arm-registry-write-by-user.eventgrid.json');
  const text = JSON.stringify(one);

  test.each([
    ['an object', one],
    ['an array', [one]],
    ['JSON', text],
    ['JSON with a byte order mark', `\uFEFF${text}`],
    ['JSON in base64', Buffer.from(text).toString('base64')],
    ['JSON of an array in base64 with a line break', `${Buffer.from(`[${text}]`).toString('base64')}\n`],
    ['a JSON string of JSON', JSON.stringify(text)],
    ['bytes', Buffer.from(text)],
    ['bytes of base64', new TextEncoder().encode(Buffer.from(text).toString('base64'))],
  ])('may be %s', (_what, message) => {
    expect(reasonOf(parseOne(message))).toBe('cause shopregistry');
  });

  test.each([
    ['nothing', undefined, 'invalid not-json'],
    ['an empty text', '', 'invalid not-json'],
    ['garbage', 'hello', 'invalid not-json'],
    ['base64 of garbage', Buffer.from('hello').toString('base64'), 'invalid not-json'],
    ['JSON with a trailing comma', '{"specversion":"1.0",}', 'invalid not-json'],
    ['truncated JSON', text.slice(0, -2), 'invalid not-json'],
    ['empty bytes', new Uint8Array(), 'invalid not-json'],
    ['text inside four strings', JSON.stringify(JSON.stringify(JSON.stringify(text))), 'invalid unknown-envelope'],
    ['null', null, 'invalid unknown-envelope'],
    ['a number', 42, 'invalid unknown-envelope'],
    ['JSON null', 'null', 'invalid unknown-envelope'],
    ['a nested array', [[one]], 'invalid unknown-envelope'],
    ['an empty object', {}, 'invalid unknown-envelope'],
    ['an event without its type', { ...one, eventType: undefined }, 'invalid unknown-envelope'],
    ['an event without its topic', { ...one, topic: undefined }, 'invalid unknown-envelope'],
    ['a CloudEvent of version 0.3', { specversion: '0.3', type: 't', source: 's' }, 'invalid unsupported-specversion'],
    [
      'a CloudEvent with a version of the wrong type',
      { specversion: 1, type: 't', source: 's' },
      'invalid unsupported-specversion',
    ],
    ['text of more than 1 MiB', ' '.repeat(1024 * 1024 + 1), 'invalid too-large'],
    ['bytes of more than 1 MiB', Buffer.alloc(1024 * 1024 + 1, ' '), 'invalid too-large'],
  ])('that is %s is invalid', (_what, message, expected) => {
    expect(reasonOf(parseOne(message))).toBe(expected);
  });

  test('of exactly 1 MiB is still read', () => {
    expect(reasonOf(parseOne(text.padEnd(1024 * 1024, ' ')))).toBe('cause shopregistry');
  });

  test('without elements gives nothing', () => {
    expect(parseMessage([], options)).toEqual([]);
  });

  test('with bad elements still yields the good ones, in order', () => {
    const results = parseMessage([null, one, { eventType: 'x', topic: 7 }, [], 'text', one], options);

    expect(results.map((result) => reasonOf(result))).toEqual([
      'invalid unknown-envelope',
      'cause shopregistry',
      'invalid unknown-envelope',
      'invalid unknown-envelope',
      'invalid unknown-envelope',
      'cause shopregistry',
    ]);
  });

  test.each([
    ['id', { ...one, id: undefined }, 'id'],
    ['id', { ...one, id: '' }, 'id'],
    ['id', { ...one, id: 'a\nb' }, 'id'],
    ['id', { ...one, id: 'x'.repeat(257) }, 'id'],
    ['time', { ...one, eventTime: undefined }, 'eventTime'],
    ['time', { ...one, eventTime: 'yesterday' }, 'eventTime'],
    ['time', { ...one, eventTime: '2026-13-02T18:38:04Z' }, 'eventTime'],
    ['time', { ...one, eventTime: '0001-01-01T00:00:00Z' }, 'eventTime'],
    ['time', { ...one, eventTime: 1794938000 }, 'eventTime'],
    ['operation', { ...one, data: { ...one.data, operationName: undefined } }, 'operationName'],
    ['operation', { ...one, data: { ...one.data, operationName: '<script>' } }, 'operationName'],
    ['resource', { ...one, subject: undefined, data: { operationName: 'a/write' } }, 'resourceUri'],
    ['data', { ...one, data: undefined }, 'operationName'],
    ['data', { ...one, data: null }, 'operationName'],
    ['data', { ...one, data: 'text' }, 'operationName'],
  ])('without a usable %s says so: %#', (_what, message, field) => {
    expect(reasonOf(parseOne(message))).toBe(`invalid missing-field:${field}`);
  });

  test.each([
    ['2026-11-02T18:38:04.6117357Z', '2026-11-02T18:38:04.611Z'],
    ['2026-11-02T18:38:04Z', '2026-11-02T18:38:04.000Z'],
    ['2026-11-02T18:38:04.5Z', '2026-11-02T18:38:04.500Z'],
    ['2026-11-02T18:38:04.999999999Z', '2026-11-02T18:38:04.999Z'],
    ['2026-11-02T18:38:04.1', '2026-11-02T18:38:04.100Z'],
    ['2026-11-02T19:38:04.1+01:00', '2026-11-02T18:38:04.100Z'],
    ['2026-11-02t18:38:04z', '2026-11-02T18:38:04.000Z'],
  ])('with the time %s happened at %s', (eventTime, expected) => {
    expect(causeOf(parseOne({ ...one, eventTime })).cause.time).toBe(expected);
  });

  test('with an odd id of a covered type is invalid, and the detail is short', () => {
    const resourceUri = `/subscriptions/x/providers/Microsoft.ContainerRegistry/registries/${'r'.repeat(3000)}`;

    const result = parseOne({ ...one, data: { ...one.data, resourceUri } });

    expect(result).toMatchObject({ result: 'invalid', reason: 'invalid-resource-id', eventId: one['id'] });
    expect(result.result === 'invalid' && result.detail.length).toBeLessThanOrEqual(200);
  });
});

describe('whatever arrives', () => {
  const names = readdirSync(FOLDER);
  const fixtures = names.map((name) => event(name));
  /** A real event with one thing in it replaced, at any depth. */
  const damaged = fc
    .tuple(fc.constantFrom(...fixtures), fc.nat(), fc.anything())
    .map(([fixture, at, junk]) => replaceAt(structuredClone(fixture), at, junk));

  test('parsing never throws and answers once per element', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.anything(), damaged), { maxLength: 4 }), (elements) => {
        expect(parseMessage(elements, options)).toHaveLength(elements.length);
      }),
      { numRuns: 1000 },
    );
  });

  test('parsing any single value never throws, text and bytes included', () => {
    const value = fc.oneof(
      fc.anything(),
      fc.string({ unit: 'binary' }),
      fc.base64String(),
      fc.json(),
      fc.uint8Array(),
      damaged,
    );
    fc.assert(
      fc.property(value, (message) => {
        for (const result of parseMessage(message, options))
          expect(['cause', 'ignored', 'invalid']).toContain(result.result);
      }),
      { numRuns: 1000 },
    );
  });

  test('no claim but the object id and the client id survives', () => {
    expect(names.length).toBeGreaterThan(20);
    for (const name of names) {
      const text = JSON.stringify(parseMessage(readFixture(name), { actorNames: false }));
      expect(text).not.toMatch(
        /to-drop|platform-operator|Platform|203\.0\.113|S-1-5|user_impersonation|example|sts\.windows|claims/,
      );
    }
  });

  test('every sample that the parser refuses has a short detail without a line break', () => {
    const results = fixtures.flatMap((fixture) => [...parseMessage(fixture, options)]);
    const details = results.flatMap((result) => (result.result === 'invalid' ? [result.detail] : []));

    expect(details.length).toBeGreaterThan(0);
    for (const detail of details) expect(detail).toMatch(/^.{10,200}$/u);
  });
});
