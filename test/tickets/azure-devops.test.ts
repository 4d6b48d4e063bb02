import { describe, expect, test } from 'vitest';
import { createAzureDevOpsSystem } from '../../src/tickets/azure-devops.ts';
import { type TicketDraft, TicketError } from '../../src/tickets/ticket-system.ts';
import { type AzureDevOpsRig, createAzureDevOpsRig } from './azure-devops-rig.ts';
import { describeTrackingSystem } from './conformance.ts';
import { type Exchange, findShapeDifferences, readExchanges } from './recorded-exchanges.ts';
import { ticketErrorOf } from './ticket-errors.ts';

const KEY = `dw-${'9f2c'.repeat(8)}`;
const draft: TicketDraft = { title: 'Reboot missing', severity: 'high', body: [{ kind: 'text', text: 'Reboot it.' }] };
const signal = (): AbortSignal => AbortSignal.timeout(20_000);

describeTrackingSystem('Azure DevOps', createAzureDevOpsRig);

/** Runs with a rig of its own and stops it. */
async function withRig(work: (rig: AzureDevOpsRig) => Promise<void>): Promise<void> {
  const rig = await createAzureDevOpsRig();
  try {
    await work(rig);
  } finally {
    await rig.stop();
  }
}

async function lifeCycle({ system }: AzureDevOpsRig): Promise<string> {
  await system.probe(signal());
  await system.findByKey(KEY, new Date(0), signal());
  const { id } = await system.create(draft, KEY, signal());
  await system.findByKey(KEY, new Date(0), signal());
  await system.get(id, signal());
  await system.update(id, draft, KEY, signal());
  await system.comment(id, 'Still missing.', signal());
  await system.close(id, 'fixed', 'Done.', signal());
  await system.reopen(id, 'Missing again.', signal());
  return id;
}

/** JSON Patch documents that were sent, newest last. */
function patchesOf({ server }: AzureDevOpsRig): readonly (readonly Readonly<Record<string, unknown>>[])[] {
  return server.requests
    .filter(({ headers }) => headers['content-type'] === 'application/json-patch+json')
    .map(({ body }) => JSON.parse(body));
}

function stale(rig: AzureDevOpsRig, times: number): void {
  rig.server.fault({
    ...rig.patterns.change,
    times,
    effect: { kind: 'answer', answer: { status: 412, body: { message: 'TF26071: This work item has been changed.' } } },
  });
}

describe('Azure DevOps: what is written', () => {
  test.each([
    ['high', 1],
    ['medium', 2],
    ['low', 3],
    ['info', 4],
  ] as const)(
    'severity %s is priority %i',
    async (severity, priority) =>
      await withRig(async (rig) => {
        await rig.system.create({ ...draft, severity }, KEY, signal());

        expect(patchesOf(rig)).toEqual([
          [
            { op: 'add', path: '/fields/System.Title', value: 'Reboot missing' },
            { op: 'add', path: '/fields/System.Description', value: '<p>Reboot it.</p>' },
            { op: 'add', path: '/fields/Microsoft.VSTS.Common.Priority', value: priority },
            { op: 'add', path: '/fields/System.Tags', value: `dockwarden; ${KEY}` },
          ],
        ]);
      }),
  );

  test('the area path, where one is set', async () =>
    await withRig(async (rig) => {
      const { id } = await rig.connect({ areaPath: String.raw`secops\platform` }).create(draft, KEY, signal());

      expect(rig.server.item(id).fields.get('System.AreaPath')).toBe(String.raw`secops\platform`);
    }));

  test('every change says which revision it is for', async () =>
    await withRig(async (rig) => {
      const id = await lifeCycle(rig);

      const revisions = patchesOf(rig).map(([first]) => (first?.['op'] === 'test' ? first['value'] : undefined));
      // Create and comment add something, whatever is there.
      expect(revisions).toEqual([undefined, 1, undefined, 3, 4]);
      expect(rig.server.item(id).rev).toBe(5);
    }));

  test('tags that people added stay', async () =>
    await withRig(async ({ system, server }) => {
      const { id } = await system.create(draft, KEY, signal());
      server.item(id).fields.set('System.Tags', `team-a; ${KEY.toUpperCase()}; zebra`);
      await system.update(id, draft, KEY, signal());
      expect(server.item(id).fields.get('System.Tags')).toBe(`team-a; ${KEY.toUpperCase()}; zebra`);

      server.item(id).fields.set('System.Tags', 'team-a; zebra');
      await system.update(id, draft, KEY, signal());
      expect(server.item(id).fields.get('System.Tags')).toBe(`dockwarden; ${KEY}; team-a; zebra`);
    }));

  test('a quotation mark in a key stays in the key', async () =>
    await withRig(async ({ system, server }) => {
      expect(await system.findByKey("x' OR [System.Id] > 0 --", new Date(0), signal())).toEqual([]);

      expect(server.requests[0]?.body).toContain("CONTAINS 'x'' OR [System.Id] > 0 --'");
    }));
});

describe('Azure DevOps: somebody else wrote at the same time', () => {
  test('once: it is read again and written again', async () =>
    await withRig(async (rig) => {
      const { id } = await rig.system.create(draft, KEY, signal());
      stale(rig, 1);
      await rig.system.close(id, 'fixed', 'Done.', signal());

      expect(await rig.system.get(id, signal())).toMatchObject({ state: 'closed' });
    }));

  test('twice: a conflict', async () =>
    await withRig(async (rig) => {
      const { id } = await rig.system.create(draft, KEY, signal());
      stale(rig, 2);

      expect((await ticketErrorOf(rig.system.close(id, 'fixed', 'Done.', signal()))).kind).toBe('conflict');
      expect(rig.server.requests.filter(({ method }) => method === 'PATCH')).toHaveLength(2);
    }));

  test('and closed it: nothing is left to do', async () =>
    await withRig(async (rig) => {
      const { id } = await rig.system.create(draft, KEY, signal());
      // After the adapter has read it, so that its write meets a newer revision.
      rig.server.fault({
        ...rig.patterns.read,
        effect: {
          kind: 'change',
          change(answer) {
            rig.server.closeByHand(id, 'wont-fix');
            return answer;
          },
        },
      });
      await rig.system.close(id, 'fixed', 'Done.', signal());

      expect(rig.server.tickets().map(({ comments }) => comments)).toEqual([[]]);
      expect(await rig.system.get(id, signal())).toMatchObject({ state: 'closed', closedAs: 'wont-fix' });
    }));
});

describe('Azure DevOps: reasons and states', () => {
  test('a duplicate says so where the process has that reason', async () =>
    await withRig(async ({ system, server }) => {
      server.closedReasons = ['Completed', 'Duplicate'];
      const { id } = await system.create(draft, KEY, signal());
      await system.close(id, 'duplicate', 'See 1.', signal());

      expect(await system.get(id, signal())).toMatchObject({ state: 'closed', closedAs: 'duplicate' });
    }));

  test('and is closed all the same where it has not', async () =>
    await withRig(async ({ system, server }) => {
      const { id } = await system.create(draft, KEY, signal());
      await system.close(id, 'duplicate', 'See 1.', signal());

      expect(await system.get(id, signal())).toMatchObject({ state: 'closed', closedAs: 'fixed' });
      expect(server.tickets().map(({ comments }) => comments.length)).toEqual([1]);
    }));

  test.each([
    ['Completed', 'fixed'],
    ['Moved to state Closed', 'fixed'],
    ['Fertig', 'fixed'],
    ['Cut', 'wont-fix'],
    ['Deferred', 'wont-fix'],
    ['Obsolete', 'wont-fix'],
    ['As Designed', 'wont-fix'],
    ["Won't Fix", 'wont-fix'],
    ['Duplicate', 'duplicate'],
    ['Closed as duplicate', 'duplicate'],
  ] as const)(
    'closed with the reason "%s" is %s',
    async (reason, closedAs) =>
      await withRig(async ({ system, server }) => {
        const { id } = await system.create(draft, KEY, signal());
        server.closeByHand(id, 'fixed');
        server.item(id).fields.set('System.Reason', reason);

        expect(await system.get(id, signal())).toMatchObject({ state: 'closed', closedAs });
      }),
  );

  test('a removed item is wont-fix, whatever the reason is called', async () =>
    await withRig(async ({ system, server }) => {
      const { id } = await system.create(draft, KEY, signal());
      server.closeByHand(id, 'wont-fix');
      server.item(id).fields.set('System.Reason', 'Nicht mehr gebraucht');

      expect(await system.get(id, signal())).toMatchObject({ state: 'closed', closedAs: 'wont-fix' });
    }));

  test('a state of no known category is unknown, not open', async () =>
    await withRig(async ({ system, server }) => {
      const { id } = await system.create(draft, KEY, signal());
      server.item(id).fields.set('System.State', 'Erledigt');

      expect((await ticketErrorOf(system.get(id, signal()))).kind).toBe('unavailable');
    }));

  test('states are asked for once an hour', async () =>
    await withRig(async (rig) => {
      const asked = (): number => rig.server.requests.filter(({ path }) => path.includes('/states?')).length;
      await lifeCycle(rig);
      await lifeCycle(rig);
      expect(asked()).toBe(1);

      rig.clock.advance(3_600_000);
      await lifeCycle(rig);
      expect(asked()).toBe(2);
    }));
});

describe('Azure DevOps: probe', () => {
  test.each([
    ['a type that the process does not have', { workItemType: 'Issue' }],
    ['a project that does not exist', { project: 'nope' }],
  ])(
    '%s is not found',
    async (_name, changes) =>
      await withRig(async (rig) => {
        expect((await ticketErrorOf(rig.connect(changes).probe(signal()))).kind).toBe('not-found');
      }),
  );

  test('an organization that lets everybody read does not make a wrong token right', async () =>
    await withRig(async (rig) => {
      rig.server.isPublic = true;

      expect((await ticketErrorOf(rig.connect({ credential: 'wrong-token' }).probe(signal()))).kind).toBe('auth');
    }));

  test('a type without a state that means done is said', async () =>
    await withRig(async (rig) => {
      const value = [{ name: 'Open', category: 'Proposed' }];
      rig.server.fault({ path: /states/, effect: { kind: 'answer', answer: { status: 200, body: { value } } } });

      expect((await ticketErrorOf(rig.system.probe(signal()))).kind).toBe('invalid');
    }));
});

const neverSent: typeof fetch = () => Promise.reject(new Error('a request was sent'));

describe('Azure DevOps: the token', () => {
  const base = { organization: 'contoso', project: 'secops', workItemType: 'Task' };

  test('none, and nothing is sent; what the identity said stays with it', async () => {
    const system = createAzureDevOpsSystem({
      ...base,
      getToken: () => Promise.reject(new Error('assertion eyJhbGciOi… was refused')),
      http: { fetch: neverSent },
    });

    const error = await ticketErrorOf(system.create(draft, KEY, signal()));
    expect([error.kind, error.message]).toEqual(['unavailable', expect.not.stringContaining('eyJ')]);
  });

  test('an error that knows better stays as it is', async () => {
    const refused = new TicketError('auth', 'the identity is not in the tenant');
    const system = createAzureDevOpsSystem({ ...base, getToken: () => Promise.reject(refused) });

    expect(await ticketErrorOf(system.probe(signal()))).toBe(refused);
  });

  test('goes to dev.azure.com and to nowhere else', async () => {
    const seen: string[] = [];
    const system = createAzureDevOpsSystem({
      ...base,
      project: 'sec ops/..',
      getToken: async () => await Promise.resolve('a-token-of-the-identity'),
      http: {
        fetch: async (input) => {
          seen.push(input instanceof Request ? input.url : String(input));
          return await Promise.resolve(new Response(null, { status: 404 }));
        },
      },
    });

    expect(await system.get('7', signal())).toBeUndefined();
    expect(seen[0]).toMatch(/^https:\/\/dev\.azure\.com\/contoso\/sec%20ops%2F\.\.\/_apis\/wit\/workitems\/7\?/);
  });
});

test('Azure DevOps: an answer that was delayed is an answer, and the wish is passed on', async () =>
  await withRig(async (rig) => {
    const waits: number[] = [];
    const system = rig.connect({ onSlowDown: (wait) => waits.push(wait) });
    const { id } = await system.create(draft, KEY, signal());
    rig.server.fault({
      ...rig.patterns.read,
      effect: { kind: 'change', change: (answer) => ({ ...answer, headers: { 'retry-after': '12' } }) },
    });

    expect(await system.get(id, signal())).toMatchObject({ id, state: 'open' });
    expect(waits).toEqual([12_000]);
  }));

test('Azure DevOps: an item of another project is not adopted, also when the search finds it', async () =>
  await withRig(async (rig) => {
    const { id } = await rig.system.create(draft, KEY, signal());
    const fields = { ...Object.fromEntries(rig.server.item(id).fields), 'System.TeamProject': 'elsewhere' };
    const found = { count: 1, value: [{ id: Number(id), rev: 1, fields }] };
    rig.server.fault({
      path: /\/workitems\?/,
      times: 2,
      effect: { kind: 'answer', answer: { status: 200, body: found } },
    });

    expect(await rig.system.findByKey(KEY, new Date(0), signal())).toEqual([]);
    // A project that is set by its id was compared by Azure DevOps.
    const byId = rig.connect({ project: '0b0c0d0e-0000-4000-8000-000000000001' });
    rig.server.fault({
      path: /\/wiql\?/,
      effect: { kind: 'answer', answer: { status: 200, body: { workItems: [{ id: 131 }] } } },
    });
    rig.server.fault({
      path: /\/states\?/,
      effect: { kind: 'answer', answer: { status: 200, body: { value: [{ name: 'New', category: 'Proposed' }] } } },
    });
    expect(await byId.findByKey(KEY, new Date(0), signal())).toMatchObject([{ id }]);
  }));

test('Azure DevOps: an item that goes away between the search and the read is no ticket', async () =>
  await withRig(async (rig) => {
    const { id } = await rig.system.create(draft, KEY, signal());
    rig.server.fault({
      ...rig.patterns.find,
      effect: {
        kind: 'change',
        change(answer) {
          rig.server.delete(id);
          return answer;
        },
      },
    });

    expect(await rig.system.findByKey(KEY, new Date(0), signal())).toEqual([]);
  }));

function patternOf({ method, path }: Pick<Exchange['request'], 'method' | 'path'>): string {
  return `${method} ${decodeURIComponent(path).replace(/\?.*$/, '').replaceAll(/\d+/g, '1').replace('/contoso', '')}`;
}

/** Operations of a JSON Patch, without their values. */
function operationsOf(body: unknown): readonly string[] {
  return Array.isArray(body)
    ? body.map(({ op, path }: Record<string, unknown>) => `${String(op)} ${String(path)}`)
    : [];
}

const exchanges = readExchanges('azuredevops.exchanges.json');
/** In an order that one item can go through; the others are answers to what a server cannot be brought to by requests alone. */
const REPLAYED = [
  'probe',
  'states of a type',
  'find by key: none',
  'create (200, not 201)',
  'find by key: one',
  'get',
  'comment',
  'close',
  'stale revision',
  'deleted, or no permission: the same answer',
  'expired token on GET and POST: 203 and a page',
  'expired token on PATCH',
];

describe.skipIf(exchanges === undefined)(
  'Azure DevOps as written down (skipped where the exchanges are not at hand)',
  () => {
    test('our server answers the requests in that shape', async () =>
      await withRig(async ({ server }) => {
        const different: string[] = [];
        const known = new Map((exchanges ?? []).map((exchange) => [exchange.name, exchange]));
        for (const name of REPLAYED) {
          const exchange = known.get(name);
          if (exchange === undefined) throw new Error(`there is no exchange "${name}"`);
          const { request, response } = exchange;
          const token = name.startsWith('expired') ? 'an-old-token' : server.token;
          const answer = await fetch(`${server.url}/contoso${request.path}`, {
            method: request.method,
            headers: { 'content-type': 'application/json', ...request.headers, authorization: `Bearer ${token}` },
            ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
          });
          const text = await answer.text();
          if (answer.status !== response.status)
            different.push(`${name}: ${response.status} written, ${answer.status} ours`);
          const isPage = answer.headers.get('content-type')?.startsWith('text/html') === true;
          const ours: unknown = isPage ? text : JSON.parse(text);
          different.push(...findShapeDifferences(response.body, ours, false).map((what) => `${name}: ${what}`));
        }

        expect(different).toEqual([]);
      }));

    test('the adapter sends nothing but such requests', async () =>
      await withRig(async (rig) => {
        await lifeCycle(rig);
        // The list by ids has no exchange; the facts name it.
        const written = new Set([
          ...(exchanges ?? []).map(({ request }) => patternOf(request)),
          'GET /secops/_apis/wit/workitems',
        ]);
        const operations = new Set((exchanges ?? []).flatMap(({ request }) => operationsOf(request.body)));

        expect(rig.server.requests.length).toBeGreaterThan(10);
        expect(rig.server.requests.map(patternOf).filter((pattern) => !written.has(pattern))).toEqual([]);
        expect(
          patchesOf(rig)
            .flatMap(operationsOf)
            .filter((operation) => !operations.has(operation)),
        ).toEqual([]);
      }));
  },
);
