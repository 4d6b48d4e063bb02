import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSampleIdentities, SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { type Harness, startHarness } from './harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
});
afterEach(async () => {
  await harness.stop();
});

const TYPES = "('microsoft.containerregistry/registries','Microsoft.ContainerService/managedClusters')";
const QUERY = `resources | where type in~ ${TYPES} | project id, name, type, location, tags, sku, properties | order by id asc`;
const subscriptions = [SAMPLE_SUBSCRIPTION_ID];
const names = (data: unknown) => (Array.isArray(data) ? data.map((row: { name: string }) => row.name) : []);
const run = async (query: string) => names((await harness.graph().resources({ subscriptions, query })).data);

test('the query of the sweep returns raw bodies in order, with types in lower case', async () => {
  const { data, ...answer } = await harness.graph().resources({ subscriptions, query: QUERY });

  expect(answer).toMatchObject({ totalRecords: 9, count: 9, resultTruncated: 'false' });
  expect(names(data)).toEqual([
    'contosobuild',
    'contosoci',
    'contosolegacy',
    'aks-dev',
    'contosoacr',
    'contosofresh',
    'contosolocked',
    'aks-prod',
    'aks-data',
  ]);
  expect(data).toContainEqual(
    expect.objectContaining({
      type: 'microsoft.containerservice/managedclusters',
      tags: { env: 'prod' },
      properties: expect.objectContaining({ enableRBAC: true }),
    }),
  );
});

test('pages follow the skip token to the end without losing or repeating a row', async () => {
  const seen: string[] = [];
  let skipToken: string | undefined;
  do {
    const options = { top: 4, resultFormat: 'objectArray', ...(skipToken ? { skipToken } : {}) } as const;
    const answer = await harness.graph().resources({ subscriptions, query: QUERY, options });
    seen.push(...names(answer.data));
    ({ skipToken } = answer);
  } while (skipToken);

  expect(seen).toHaveLength(9);
  expect(new Set(seen).size).toBe(9);
});

test('rows without an id cannot be paged', async () => {
  const answer = await harness
    .graph()
    .resources({ subscriptions, query: 'resources | project name', options: { top: 2 } });

  expect(answer.resultTruncated).toBe('true');
  expect(answer.skipToken).toBeUndefined();
});

test('the caller sees only what it may read', async () => {
  await harness.stop();
  harness = await startHarness({
    identities: createSampleIdentities(['Microsoft.ContainerService/managedClusters/read']),
  });

  const seen = await harness.graph('dockwarden').resources({ subscriptions, query: 'resources' });
  const other = await harness
    .graph('operator')
    .resources({ subscriptions: [sampleId('contosoacr')], query: 'resources' });

  expect(names(seen.data).toSorted()).toEqual(['aks-data', 'aks-dev', 'aks-prod']);
  expect(other.count).toBe(0);
});

test.for([
  [
    "resources | where type =~ 'Microsoft.ContainerInstance/containerGroups' | order by name asc",
    ['legacy-batch', 'metrics-relay'],
  ],
  ["Resources | where type == 'Microsoft.ContainerInstance/containerGroups'", []],
  [
    "resources | where name startswith 'contoso' and properties.adminUserEnabled == true | sort by name asc",
    ['contosobuild', 'contosolegacy', 'contosolocked'],
  ],
  ["resources | where tags['managed-by'] == 'terraform'", ['contosoci']],
  ["resources | where (name == 'aks-dev' or name == 'aks-prod') and not(tags.env =~ 'PROD')", ['aks-dev']],
  ["resources | where name !in ('a') and name contains '-DEV' // trailing | text", ['aks-dev']],
  [
    "resources | where resourceGroup == 'rg-platform-dev' | where type !~ 'x' | order by name | limit 2",
    ['legacy-batch', 'contosolegacy'],
  ],
  ["resources | where isempty(tags.owner) and type endswith 'clusters'", ['aks-prod']],
  ["resources | extend n = tolower(name) | where n == 'contosoacr' | project name, n", ['contosoacr']],
] as const)('%s', async ([query, expected]) => {
  expect(await run(query)).toEqual(expected);
});

test('the index may lag behind a write', async () => {
  const id = sampleId('contosobuild');
  const query = "resources | where name == 'contosobuild' and properties.adminUserEnabled == true";
  harness.simulator.as('automation').patch(id, { properties: { adminUserEnabled: false } });
  harness.simulator.faults.add({ path: /ResourceGraph/, effect: { kind: 'stale-read' } });

  expect([await run(query), await run(query)]).toEqual([['contosobuild'], []]);
});

test('count and the container table', async () => {
  const count = await harness.graph().resources({ subscriptions, query: 'resources | count' });
  const groups = await run(
    "resourcecontainers | where type == 'microsoft.resources/subscriptions/resourcegroups' | order by name asc",
  );

  expect(count.data).toEqual([{ Count: 11 }]);
  expect(groups).toEqual(['rg-platform-dev', 'rg-platform-prod']);
});

test('rows are counted by columns', async () => {
  const query =
    'resources | extend group = resourceGroup | summarize number = count() by type, group | order by number desc, group asc';

  const { data, resultTruncated } = await harness.graph().resources({ subscriptions, query });

  expect(resultTruncated).toBe('false');
  expect(data).toEqual([
    { type: 'microsoft.containerregistry/registries', group: 'rg-platform-dev', number: 3 },
    { type: 'microsoft.containerregistry/registries', group: 'rg-platform-prod', number: 3 },
    { type: 'microsoft.containerservice/managedclusters', group: 'rg-platform-prod', number: 2 },
    { type: 'microsoft.containerinstance/containergroups', group: 'rg-platform-dev', number: 1 },
    { type: 'microsoft.containerservice/managedclusters', group: 'rg-platform-dev', number: 1 },
    { type: 'microsoft.containerinstance/containergroups', group: 'rg-platform-prod', number: 1 },
  ]);
});

test.for([
  'resources | summarize count() by type',
  'resources | summarize n = sum() by type',
  'resources | summarize n = count()',
  'resources | join (x) on id',
  'policyresources',
  'resources | where',
  'resources | where name ==',
  "resources | where name == 'a' 'b'",
  'resources | where sum(name)',
  'resources | limit x',
  'resources | where name == ~',
  '',
])('a query outside the subset is a bad request: %s', async (query) => {
  await expect(harness.graph().resources({ subscriptions, query })).rejects.toMatchObject({
    statusCode: 400,
    code: 'BadRequest',
  });
});

const askWith = async (options: Record<string, unknown>) =>
  await harness.send('POST', '/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01', {
    body: { query: 'resources', options },
  });

test('paging options are checked', async () => {
  expect((await askWith({ $top: 1001 })).status).toBe(400);
  expect((await askWith({ $top: 0 })).status).toBe(400);
  expect((await askWith({ $skipToken: 'x' })).status).toBe(400);
  expect((await askWith({ $top: 1, $skip: 2 })).body['count']).toBe(1);
});

test('the quota counts down and ends in 429', async () => {
  harness.simulator.limits.resourceGraph = { size: 2, perSecond: 0.1 };
  const ask = async () =>
    await harness.send('POST', '/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01', {
      body: { query: 'resources | count' },
    });

  const answers = [await ask(), await ask(), await ask()];

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(answers.map(({ headers }) => headers['x-ms-user-quota-remaining'])).toEqual(['1', '0', '0']);
  expect(answers[2]?.code).toBe('RateLimiting');
});
