import { afterEach, describe, expect, it } from 'vitest';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { getJson, listJson } from '../../src/azure/raw-arm.ts';
import { queryResources } from '../../src/azure/resources.ts';
import { type AzureHarness, failureOf, startAzure } from './azure-harness.ts';

let azure: AzureHarness;

afterEach(async () => {
  await azure.stop();
});

const REGISTRIES = {
  path: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.ContainerRegistry/registries`,
  apiVersion: '2025-11-01',
};
const read = { effect: 'read' } as const;

/** As many registries as asked for, beside those of the sample. */
function seed(count: number): void {
  const { state } = azure.simulator;
  for (let index = 0; index < count; index += 1) {
    const name = `extra${String(index).padStart(5, '0')}`;
    state.put({
      ...state.get(sampleId('contosoacr')),
      id: sampleId('contosoacr').replace('contosoacr', name),
      name,
      type: 'Microsoft.ContainerRegistry/registries',
    });
  }
}

describe('a list over several pages', () => {
  it('is read to its end, with the api-version on every page', async () => {
    azure = await startAzure();
    azure.simulator.world.pageSize = 2;

    const items = await listJson(azure.context(), REGISTRIES);

    expect(items).toHaveLength(6);
    expect(azure.simulator.requests.map(({ status, apiVersion }) => [status, apiVersion])).toEqual([
      [200, '2025-11-01'],
      [200, '2025-11-01'],
      [200, '2025-11-01'],
    ]);
  });

  it.each([
    ['is refused', { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } }, 'AZURE_DENIED'],
    ['is throttled', { status: 429 }, 'AZURE_TRANSIENT'],
    ['is an HTML page', { status: 200, body: '<html>hello</html>' }, 'AZURE_TRANSIENT'],
    ['has no value', { status: 200, body: {} }, 'AZURE_TRANSIENT'],
  ] as const)('fails as a whole when its second page %s (R36)', async (_name, answer, code) => {
    azure = await startAzure();
    azure.simulator.world.pageSize = 2;
    azure.simulator.faults.add({ skip: 1, effect: { kind: 'answer', ...answer } });

    const failure = await failureOf(read, listJson(azure.context(), REGISTRIES));

    expect(failure?.code).toBe(code);
  });

  it('fails when its second page is cut', async () => {
    azure = await startAzure();
    azure.simulator.world.pageSize = 2;
    azure.simulator.faults.add({ skip: 1, effect: { kind: 'cut-json' } });

    expect((await failureOf(read, listJson(azure.context(), REGISTRIES)))?.code).toBe('AZURE_TRANSIENT');
  });

  it('of exactly 100 pages is read', async () => {
    azure = await startAzure();
    seed(94);
    azure.simulator.world.pageSize = 1;

    expect(await listJson(azure.context(), REGISTRIES)).toHaveLength(100);
  });

  it('of more than 100 pages is an error, not a part of the truth', async () => {
    azure = await startAzure();
    seed(95);
    azure.simulator.world.pageSize = 1;

    const failure = await failureOf(read, listJson(azure.context(), REGISTRIES));

    expect(failure).toMatchObject({ code: 'AZURE_INVALID' });
    expect(failure?.message).toContain('more than 100 pages');
    expect(azure.simulator.requests).toHaveLength(100);
  });

  it.each(['https://elsewhere.example/next', 'http://localhost/next'])(
    'never follows a link to %s',
    async (nextLink) => {
      azure = await startAzure();
      azure.simulator.faults.add({
        effect: {
          kind: 'answer',
          status: 200,
          headers: { 'content-type': 'application/json' },
          body: { value: [], nextLink },
        },
      });

      const failure = await failureOf(read, listJson(azure.context(), REGISTRIES));

      expect(failure?.message).toMatch(/refused to send a token|not permitted for non-TLS/);
      expect(azure.simulator.requests).toHaveLength(1);
    },
  );

  it('leaves out entries that are no objects', async () => {
    azure = await startAzure();
    azure.simulator.faults.add({
      effect: {
        kind: 'answer',
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: { value: [1, null, 'x', { id: 'a' }], nextLink: '' },
      },
    });

    expect(await listJson(azure.context(), REGISTRIES)).toEqual([{ id: 'a' }]);
  });
});

describe('one resource', () => {
  const request = { path: sampleId('contosoacr'), apiVersion: '2025-11-01', resourceId: sampleId('contosoacr') };

  it.each([
    ['an HTML page', { status: 200, body: '<html>sign in</html>' }],
    ['nothing', { status: 200 }],
    ['a list', { status: 200, headers: { 'content-type': 'application/json' }, body: [] }],
  ])('that is answered with %s counts as unread', async (_name, answer) => {
    azure = await startAzure();
    azure.simulator.faults.add({ effect: { kind: 'answer', ...answer } });

    expect((await failureOf(read, getJson(azure.context(), request)))?.code).toBe('AZURE_TRANSIENT');
  });

  it('that is refused names itself and the request', async () => {
    azure = await startAzure({ actions: [] });

    const failure = await failureOf(read, getJson(azure.context(), request));

    expect(failure).toMatchObject({ code: 'AZURE_DENIED', details: { resourceId: request.resourceId, status: 403 } });
    expect(azure.requestIds).toHaveLength(1);
  });
});

async function readAll(subscriptions: readonly string[] = [SAMPLE_SUBSCRIPTION_ID]) {
  const pages: number[] = [];
  const ids: unknown[] = [];
  let skipToken: string | undefined;
  do {
    const page = await queryResources.run(azure.context(), subscriptions, skipToken);
    pages.push(page.resources.length);
    ids.push(...page.resources.map(({ id }) => id));
    skipToken = page.skipToken;
  } while (skipToken !== undefined);
  return { pages, ids };
}

describe('Resource Graph', () => {
  it('is read page by page, each resource once, in the order of the ids', async () => {
    azure = await startAzure();
    azure.simulator.limits.enabled = false;
    seed(2000);

    const { pages, ids } = await readAll();

    expect(pages).toEqual([1000, 1000, 11]);
    expect(new Set(ids).size).toBe(2011);
    expect(azure.simulator.requests.map(({ method, path, apiVersion }) => [method, path, apiVersion])).toEqual(
      Array.from({ length: 3 }, () => ['POST', '/providers/Microsoft.ResourceGraph/resources', '2024-04-01']),
    );
  });

  it('asks for the covered types only, with what policies read', async () => {
    azure = await startAzure();

    const { resources } = await queryResources.run(azure.context(), [SAMPLE_SUBSCRIPTION_ID], undefined);

    expect(new Set(resources.map(({ type }) => type))).toEqual(
      new Set([
        'microsoft.containerregistry/registries',
        'microsoft.containerservice/managedclusters',
        'microsoft.containerinstance/containergroups',
      ]),
    );
    expect(Object.keys(resources[0] ?? {}).toSorted()).toEqual([
      'id',
      'location',
      'name',
      'properties',
      'sku',
      'tags',
      'type',
    ]);
  });

  it('shows nothing that the identity may not read, and does not fail', async () => {
    azure = await startAzure({ actions: ['Microsoft.ContainerRegistry/registries/read'] });

    const { ids } = await readAll();

    expect(ids).toHaveLength(6);
  });

  it.each([
    ['throttles', { status: 429, headers: { 'retry-after': '5' } }, 'AZURE_TRANSIENT'],
    ['answers 500 without a body', { status: 500 }, 'AZURE_TRANSIENT'],
    ['answers HTML', { status: 200, body: '<html></html>' }, 'AZURE_TRANSIENT'],
    [
      'answers without data',
      { status: 200, headers: { 'content-type': 'application/json' }, body: {} },
      'AZURE_TRANSIENT',
    ],
    ['refuses', { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } }, 'AZURE_DENIED'],
  ] as const)('that %s is an error, never an empty estate', async (_name, answer, code) => {
    azure = await startAzure();
    azure.simulator.faults.add({ effect: { kind: 'answer', ...answer } });

    const failure = await failureOf(
      queryResources,
      queryResources.run(azure.context(), [SAMPLE_SUBSCRIPTION_ID], undefined),
    );

    expect(failure?.code).toBe(code);
  });
});
