import { describe, expect, test } from 'vitest';
import { createRedmineSystem } from '../../src/tickets/redmine.ts';
import type { TicketDraft } from '../../src/tickets/ticket-system.ts';
import { describeTrackingSystem } from './conformance.ts';
import { type Exchange, findShapeDifferences, readExchanges } from './recorded-exchanges.ts';
import { createRedmineRig, type RedmineRig } from './redmine-rig.ts';
import { ticketErrorOf } from './ticket-errors.ts';

const KEY = `dw-${'9f2c'.repeat(8)}`;
const draft: TicketDraft = { title: 'Reboot missing', severity: 'high', body: [{ kind: 'text', text: 'Reboot it.' }] };
const signal = (): AbortSignal => AbortSignal.timeout(20_000);

describeTrackingSystem('Redmine', createRedmineRig);

/** Runs with a rig of its own and stops it. */
async function withRig(work: (rig: RedmineRig) => Promise<void>): Promise<void> {
  const rig = await createRedmineRig();
  try {
    await work(rig);
  } finally {
    await rig.stop();
  }
}

async function lifeCycle({ system }: RedmineRig): Promise<void> {
  await system.probe(signal());
  await system.findByKey(KEY, new Date(0), signal());
  const { id } = await system.create(draft, KEY, signal());
  await system.get(id, signal());
  await system.update(id, draft, KEY, signal());
  await system.comment(id, 'Still missing.', signal());
  await system.close(id, 'fixed', 'Done.', signal());
  await system.reopen(id, 'Missing again.', signal());
}

function bodiesOf({ server }: RedmineRig): readonly { readonly issue: Readonly<Record<string, unknown>> }[] {
  return server.requests.filter(({ body }) => body !== '').map(({ body }) => JSON.parse(body));
}

describe('Redmine: requests', () => {
  test('the search names the project without its children, all statuses, the field, and the newest', async () =>
    await withRig(async ({ system, server }) => {
      await system.findByKey(KEY, new Date(0), signal());

      const search = server.requests.find(({ path }) => path.startsWith('/issues.json'));
      expect(Object.fromEntries(new URL(search?.path ?? '', 'http://x').searchParams)).toEqual({
        project_id: 'secops',
        subproject_id: '!*',
        status_id: '*',
        cf_1: KEY,
        sort: 'id:desc',
        limit: '5',
        include: 'relations',
      });
    }));

  test('what never changes within an hour is asked for once an hour', async () =>
    await withRig(async (rig) => {
      const asked = (): number =>
        rig.server.requests.filter(({ path }) => /^\/(?:issue_statuses|enumerations)/.test(path)).length;
      await lifeCycle(rig);
      const first = asked();
      await lifeCycle(rig);
      expect([first, asked()]).toEqual([2, 2]);

      rig.clock.advance(3_600_000);
      await lifeCycle(rig);
      expect(asked()).toBe(4);
    }));

  test('a Redmine below a path of its own is asked there', async () => {
    const seen: string[] = [];
    const system = createRedmineSystem({
      baseUrl: 'https://tools.example.test/redmine/',
      apiKey: 'key-of-the-bot',
      projectId: 'secops',
      trackerId: 1,
      fieldId: 1,
      http: {
        fetch: async (input) => {
          seen.push(input instanceof Request ? input.url : String(input));
          return await Promise.resolve(new Response(null, { status: 404 }));
        },
      },
    });

    expect(await system.get('7', signal())).toBeUndefined();
    expect(seen).toEqual(['https://tools.example.test/redmine/issues/7.json?include=relations']);
  });
});

async function priorityOf(rig: RedmineRig, severity: TicketDraft['severity'], changes = {}): Promise<unknown> {
  await rig.connect(changes).create({ ...draft, severity }, KEY, signal());
  return bodiesOf(rig).at(-1)?.issue['priority_id'];
}

describe('Redmine: priorities', () => {
  test.each([
    ['high', 3],
    ['medium', 2],
    ['low', 1],
    ['info', 1],
  ] as const)(
    '%s is relative to the default one',
    async (severity, expected) =>
      await withRig(async (rig) => {
        expect(await priorityOf(rig, severity)).toBe(expected);
      }),
  );

  test('as set, where it is set', async () =>
    await withRig(async (rig) => {
      expect(await priorityOf(rig, 'high', { priorities: { high: 4 } })).toBe(4);
      expect(await priorityOf(rig, 'medium', { priorities: { high: 4 } })).toBe(2);
    }));

  test('left to Redmine without a default; one that is switched off is not taken', async () =>
    await withRig(async (rig) => {
      const [, , high] = rig.server.priorities;
      if (high !== undefined) high.active = false;
      expect(await priorityOf(rig, 'high')).toBe(4);
      for (const priority of rig.server.priorities) priority.is_default = false;
      expect(await priorityOf(rig, 'high')).toBeUndefined();
    }));

  test('one that does not exist is refused by Redmine, in its words', async () =>
    await withRig(async (rig) => {
      const error = await ticketErrorOf(priorityOf(rig, 'high', { priorities: { high: 99 } }));

      expect([error.kind, error.message]).toEqual(['invalid', expect.stringContaining('Priority cannot be blank')]);
    }));
});

describe('Redmine: statuses', () => {
  test('closing takes the first closed status that means done, never Resolved and never Rejected', async () =>
    await withRig(async ({ system, server }) => {
      server.statuses.unshift({ id: 90, name: 'Won’t do', is_closed: true });
      server.statuses.push({ id: 91, name: 'Duplicate', is_closed: true });
      server.workflow = [90, 3, 5, 6, 91];
      const { id } = await system.create(draft, KEY, signal());
      await system.close(id, 'fixed', 'Done.', signal());

      expect(server.issue(id).statusId).toBe(5);
      expect(await system.get(id, signal())).toMatchObject({ closedAs: 'fixed' });
    }));

  test('a duplicate gets the status that says so, where there is one', async () =>
    await withRig(async ({ system, server }) => {
      server.statuses.push({ id: 91, name: 'Closed (duplicate)', is_closed: true });
      server.workflow = [5, 91];
      const { id } = await system.create(draft, KEY, signal());
      await system.close(id, 'duplicate', 'See #1.', signal());

      expect(await system.get(id, signal())).toMatchObject({ state: 'closed', closedAs: 'duplicate' });
    }));

  test('Resolved is open: somebody has still to look at it', async () =>
    await withRig(async ({ system, server }) => {
      const { id } = await system.create(draft, KEY, signal());
      server.issue(id).statusId = 3;

      expect(await system.get(id, signal())).toMatchObject({ state: 'open' });
    }));

  test('a workflow that lets this user close nothing is said, and nothing is sent', async () =>
    await withRig(async ({ system, server }) => {
      const { id } = await system.create(draft, KEY, signal());
      server.workflow = [2, 6];
      const error = await ticketErrorOf(system.close(id, 'fixed', 'Done.', signal()));

      expect([error.kind, error.message]).toEqual(['invalid', expect.stringContaining('to no closed status')]);
      expect(server.requests.filter(({ method }) => method === 'PUT')).toEqual([]);
    }));

  test('an older Redmine, which says less, is understood', async () =>
    await withRig(async (rig) => {
      rig.server.isOld = true;
      await lifeCycle(rig);
      const [found] = await rig.system.findByKey(KEY, new Date(0), signal());
      expect(found?.state).toBe('open');
      await rig.system.close(found?.id ?? '', 'fixed', 'Done.', signal());

      expect(await rig.system.get(found?.id ?? '', signal())).toMatchObject({ state: 'closed', closedAs: 'fixed' });
    }));

  test('a status that nobody explains is unknown, not open', async () =>
    await withRig(async ({ system, server }) => {
      server.isOld = true;
      const { id } = await system.create(draft, KEY, signal());
      server.issue(id).statusId = 77;

      expect((await ticketErrorOf(system.get(id, signal()))).kind).toBe('unavailable');
    }));

  test('probe asks for one status to close with and one to reopen with', async () =>
    await withRig(async ({ system, server }) => {
      server.statuses.splice(3, 1);

      expect((await ticketErrorOf(system.probe(signal()))).kind).toBe('invalid');
    }));
});

test('Redmine: an unknown project is found out by probe', async () =>
  await withRig(async (rig) => {
    expect((await ticketErrorOf(rig.connect({ projectId: 'nope' }).probe(signal()))).kind).toBe('not-found');
  }));

test('Redmine: an issue of another project is not adopted, also when the search finds it', async () =>
  await withRig(async ({ system, server, patterns }) => {
    await system.create(draft, KEY, signal());
    const moved = { id: 2, name: 'Elsewhere' };
    server.fault({
      ...patterns.find,
      effect: {
        kind: 'change',
        change: (answer) => ({
          ...answer,
          body: { issues: Array.from(Object(answer.body).issues, (issue) => ({ ...Object(issue), project: moved })) },
        }),
      },
    });

    expect(await system.findByKey(KEY, new Date(0), signal())).toEqual([]);
  }));

test('Redmine: a write that was accepted and cannot be read back is not done again', async () =>
  await withRig(async ({ system, server, patterns }) => {
    const { id } = await system.create(draft, KEY, signal());
    server.fault({ ...patterns.read, effect: { kind: 'answer', answer: { status: 503 } } });
    expect((await ticketErrorOf(system.comment(id, 'Once', signal()))).kind).toBe('outcome-unknown');

    expect(server.tickets().map(({ comments }) => comments)).toEqual([['Once']]);
  }));

function patternOf({ method, path }: Pick<Exchange['request'], 'method' | 'path'>): string {
  return `${method} ${path.replace(/\?.*$/, '').replaceAll(/\d+/g, '1')}`;
}

function attributesOf(body: unknown): readonly string[] {
  return Object.keys(Object(Object(body).issue));
}

const exchanges = readExchanges('redmine.exchanges.json');

describe.skipIf(exchanges === undefined)('Redmine as recorded (skipped where the recording is not at hand)', () => {
  test('our server answers every recorded request in the recorded shape', async () =>
    await withRig(async ({ server }) => {
      const different: string[] = [];
      for (const { name, request, response } of exchanges ?? []) {
        const { method, path, body } = request;
        const answer = await fetch(`${server.url}${path}`, {
          method,
          headers: {
            'content-type': 'application/json',
            'x-redmine-api-key': name === 'bad key' ? 'bad' : server.apiKey,
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        const text = await answer.text();
        if (answer.status !== response.status)
          different.push(`${name}: ${response.status} recorded, ${answer.status} ours`);
        if (answer.headers.get('content-type') !== (response.contentType ?? null))
          different.push(`${name}: content type`);
        const ours: unknown = text === '' ? undefined : JSON.parse(text);
        different.push(...findShapeDifferences(response.body, ours, true).map((what) => `${name}: ${what}`));
      }

      expect(exchanges?.length).toBeGreaterThan(20);
      expect(different).toEqual([]);
    }));

  test('the adapter writes only what was recorded, to addresses that were recorded', async () =>
    await withRig(async (rig) => {
      await lifeCycle(rig);
      const recorded = new Set((exchanges ?? []).map(({ request }) => patternOf(request)));
      const attributes = new Set((exchanges ?? []).flatMap(({ request }) => attributesOf(request.body)));

      const writes = rig.server.requests.filter(({ method }) => method !== 'GET');
      expect(writes.length).toBe(5);
      for (const { method, path, body } of writes) {
        expect(recorded).toContain(patternOf({ method, path }));
        expect(attributesOf(JSON.parse(body)).filter((name) => !attributes.has(name))).toEqual([]);
      }
    }));
});
