import { afterEach, beforeEach, expect, test } from 'vitest';
import { mergeTags } from '../../local/azure/providers/tags.ts';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { type Harness, startHarness } from './harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
});
afterEach(async () => {
  await harness.stop();
});

const cluster = sampleId('aks-data');
const tagsOf = (id: string) => `${id}/providers/Microsoft.Resources/tags/default?api-version=2022-09-01`;
const patch = async (operation: string, tags: unknown, id = cluster) =>
  await harness.send('PATCH', tagsOf(id), { body: { operation, properties: { tags } } });

test('the raw client of the product merges tags and reads them back', async () => {
  const path = `${cluster}/providers/Microsoft.Resources/tags/default`;
  const queryParameters = { 'api-version': '2022-09-01' };
  const body = { operation: 'Merge', properties: { tags: { costCenter: 'CC-7' } } };

  const merged = await harness.raw('dockwarden').pathUnchecked(path).patch({ queryParameters, body });
  const read = await harness.raw('dockwarden').pathUnchecked(path).get({ queryParameters });

  expect([merged.status, read.status]).toEqual(['200', '200']);
  expect(read.body).toMatchObject({
    name: 'default',
    type: 'Microsoft.Resources/tags',
    properties: { tags: { owner: 'data-team', env: 'staging', costCenter: 'CC-7' } },
  });
});

test('Merge keeps the spelling that is there and changes the eTag of a cluster', async () => {
  const before = harness.simulator.state.get(cluster);

  const answer = await patch('Merge', { OWNER: 'x', new: 'y' });

  expect(answer.body['properties']).toEqual({ tags: { owner: 'x', env: 'staging', new: 'y' } });
  expect(harness.simulator.state.get(cluster)?.['eTag']).not.toBe(before?.['eTag']);
});

test('Replace sets exactly these, Delete removes those whose value matches, DELETE removes all', async () => {
  const replaced = await patch('Replace', { a: '1', b: '2' });
  const deleted = await patch('Delete', { a: '1', b: 'other' });
  const removed = await harness.send('DELETE', tagsOf(cluster));

  expect(replaced.body['properties']).toEqual({ tags: { a: '1', b: '2' } });
  expect(deleted.body['properties']).toEqual({ tags: { b: '2' } });
  expect(removed.status).toBe(200);
  expect(harness.simulator.state.get(cluster)?.tags).toEqual({});
});

test('PUT replaces, also on groups and subscriptions', async () => {
  const group = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/rg-platform-dev`;
  const body = { properties: { tags: { a: 'b' } } };

  const onGroup = await harness.send('PUT', tagsOf(group), { body });
  const onSubscription = await harness.send('PUT', tagsOf(`/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`), { body });

  expect([onGroup.status, onSubscription.status]).toEqual([200, 200]);
  expect(harness.simulator.state.get(group)?.tags).toEqual({ a: 'b' });
});

test.for([
  ['51 tags', Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`t${i}`, 'x']))],
  ['a name of 513 characters', { ['n'.repeat(513)]: 'x' }],
  ['a value of 257 characters', { a: 'x'.repeat(257) }],
  ['a name with a slash', { 'a/b': 'x' }],
  ['a name with a question mark', { 'a?': 'x' }],
  ['a value that is no text', { a: 1 }],
  ['tags that are no object', ['a']],
] as const)('%s are refused and nothing changes', async ([, tags]) => {
  const before = harness.simulator.state.get(cluster);

  const answer = await patch('Merge', tags);

  expect(answer.status).toBe(400);
  expect(harness.simulator.state.get(cluster)).toEqual(before);
});

test('the limit counts the merged set', async () => {
  const many = Object.fromEntries(Array.from({ length: 48 }, (_, i) => [`t${i}`, 'x']));

  expect((await patch('Merge', many)).status).toBe(200);
  expect((await patch('Merge', { one: 'more' })).status).toBe(400);
});

test('an unknown operation and an unknown resource are refused', async () => {
  expect((await patch('Upsert', { a: 'b' })).status).toBe(400);
  expect((await patch('Merge', { a: 'b' }, `${cluster}none`)).status).toBe(404);
});

test('only the tags action is needed, and the event names the tags resource', async () => {
  await patch('Merge', { a: 'b' });

  const event = harness.simulator.events.at(-1);
  expect(harness.simulator.requests.at(-1)?.action).toBe('Microsoft.Resources/tags/write');
  expect(event?.data['operationName']).toBe('Microsoft.Resources/tags/write');
  expect(event?.subject).toBe(
    `${cluster.replace('/resourceGroups/', '/resourcegroups/')}/providers/Microsoft.Resources/tags/default`,
  );
});

test('a version before 2022-09-01 answers at once, whatever the rules say', async () => {
  harness.simulator.operations.rules.push({ mode: 'async' });
  const path = tagsOf(cluster).replace('2022-09-01', '2021-04-01');

  const answer = await harness.send('PATCH', path, { body: { operation: 'Merge', properties: { tags: { a: 'b' } } } });

  expect(answer.status).toBe(200);
});

test('merging two spellings keeps the first', () => {
  expect(mergeTags({ Owner: 'a' }, { owner: 'b', x: 'y' })).toEqual({ Owner: 'b', x: 'y' });
});
