import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { keepPoison } from '../../src/engine/poison.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { DockwardenError } from '../../src/errors.ts';
import { formatWorkMessage, parseWorkMessage } from '../../src/events/work-message.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import type { TableStore } from '../../src/storage/table-store.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { expectGuarantees, outcomesOf, runsOf } from './c10-guarantees.ts';
import { seedOf } from './operator-requests.ts';
import {
  addRequiredTags,
  disableAdminUser,
  rotateSecondPassword,
  type Scene,
  type SceneCall,
  scenes,
  startScene,
} from './remediation-scenes.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const REGISTRY = sampleId('contosobuild');

function eventAbout(id: string, change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    id: 'aaaaaaaa-0000-4000-8000-000000000010',
    topic: '/subscriptions/00000000-0000-4000-8000-000000000001',
    subject: id,
    eventType: 'Microsoft.Resources.ResourceWriteSuccess',
    eventTime: '2026-11-23T09:59:00Z',
    dataVersion: '2',
    metadataVersion: '1',
    data: { resourceUri: id, operationName: 'Microsoft.ContainerRegistry/registries/write', correlationId: 'c-1' },
    ...change,
  };
}

describe('an event queue that holds anything', () => {
  const sound = JSON.stringify(eventAbout(REGISTRY));

  it.each<readonly [string, unknown, string]>([
    ['truncated JSON', sound.slice(0, sound.length / 2), 'not-json'],
    ['truncated base64', Buffer.from(sound).toString('base64').slice(0, 101), 'not-json'],
    ['prose', 'please remediate my registry', 'not-json'],
    ['nothing', undefined, 'not-json'],
    ['an empty text', '', 'not-json'],
    ['bytes that are no text', new Uint8Array([0xff, 0xfe, 0x00]), 'not-json'],
    ['a number', 42, 'unknown-envelope'],
    ['null', null, 'unknown-envelope'],
    ['foreign JSON', { orders: [{ sku: 'x' }] }, 'unknown-envelope'],
    [
      'a CloudEvent of another version',
      { specversion: '0.3', type: 'x', source: 'y', id: 'z' },
      'unsupported-specversion',
    ],
    ['more than Event Grid may send', 'x'.repeat(1024 * 1024 + 1), 'too-large'],
    [
      'an event larger than ARM accepts',
      JSON.stringify(eventAbout(REGISTRY, { junk: 'x'.repeat(4_200_000) })),
      'too-large',
    ],
    ['an event without an id', eventAbout(REGISTRY, { id: undefined }), 'missing-field:id'],
    ['an event whose id is a number', eventAbout(REGISTRY, { id: 7 }), 'missing-field:id'],
    ['an event at no time', eventAbout(REGISTRY, { eventTime: 'yesterday' }), 'missing-field:eventTime'],
    ['an event whose time is a number', eventAbout(REGISTRY, { eventTime: 1_700_000_000 }), 'missing-field:eventTime'],
    ['an event whose data are text', eventAbout(REGISTRY, { data: 'x' }), 'missing-field:operationName'],
    [
      'an event without an operation',
      eventAbout(REGISTRY, { data: { resourceUri: REGISTRY } }),
      'missing-field:operationName',
    ],
    ['an event about a path with ..', eventAbout(`${REGISTRY}/../contosolegacy`), 'invalid-resource-id'],
    [
      'an event about an encoded path',
      eventAbout(REGISTRY.replace('contosobuild', 'contoso%2Fbuild')),
      'invalid-resource-id',
    ],
  ])('%s is recorded once, does nothing and is over', async (_name, message, reason) => {
    engine = await startEngine();

    const accepted = await acceptEvents(engine.context(), message);
    await engine.settle();

    expect(accepted).toEqual({ marked: 0, ignored: 0, invalid: 1 });
    expect(engine.audit()).toMatchObject([{ stage: 'input', reason }]);
    expect(engine.audit()[0]?.error?.length).toBeLessThanOrEqual(200);
    expect(engine.calls()).toEqual([]);
    const kept = ['not-json', 'unknown-envelope', 'too-large'].includes(reason) ? 1 : 0;
    expect(engine.poison.splice(0)).toHaveLength(kept);
    expectGuarantees(engine);
  });

  it.each<readonly [string, unknown]>([
    [
      'a resource of a type that we do not know',
      eventAbout(REGISTRY.replace('Microsoft.ContainerRegistry/registries', 'Microsoft.Storage/storageAccounts')),
    ],
    ['a type that nobody knows', eventAbout(REGISTRY.replace('Microsoft.ContainerRegistry', 'Contoso.Widgets'))],
    ['a kind of event that we do not know', eventAbout(REGISTRY, { eventType: 'Contoso.Orders.Placed' })],
    ['a write that failed', eventAbout(REGISTRY, { eventType: 'Microsoft.Resources.ResourceWriteFailure' })],
  ])('%s is ignored without a record', async (_name, message) => {
    engine = await startEngine();

    const accepted = await acceptEvents(engine.context(), message);
    await engine.settle();

    expect(accepted).toEqual({ marked: 0, ignored: 1, invalid: 0 });
    expect([engine.audit(), engine.calls()]).toEqual([[], []]);
  });

  it('a sound event among bad ones is not lost', async () => {
    engine = await startScene(disableAdminUser);

    const accepted = await acceptEvents(engine.context(), [
      null,
      eventAbout(REGISTRY),
      { a: 1 },
      eventAbout(`${REGISTRY}/..`),
    ]);
    await engine.settle();

    expect(accepted).toEqual({ marked: 1, ignored: 0, invalid: 3 });
    expect(outcomesOf(engine)).toEqual(['fixed']);
    expect(new Set(engine.poison.splice(0).map(({ name }) => name)).size).toBe(1);
    expectGuarantees(engine);
  });
});

describe('a work message that nobody sent', () => {
  it.each<readonly [string, unknown]>([
    ['prose', 'hello'],
    ['another version', { version: 2, resourceId: REGISTRY }],
    ['no resource', { version: 1 }],
    ['a resource of another type', { version: 1, resourceId: '/subscriptions/00000000-0000-4000-8000-000000000001' }],
    [
      'a cause of no kind',
      { version: 1, resourceId: REGISTRY, cause: { kind: 'rumour', id: 'x', time: '2026-11-23T10:00:00Z' } },
    ],
  ])('%s is refused with an error that names the fault, and kept as poison', async (_name, message) => {
    engine = await startEngine();

    expect(() => parseWorkMessage(message)).toThrow(DockwardenError);
    await keepPoison(engine.context(), 'work-poison', message, 'gave up after 5 tries');

    expect(engine.poison).toHaveLength(1);
    expect(engine.audit()).toMatchObject([{ stage: 'input', reason: 'poison' }]);
    expect(engine.calls()).toEqual([]);
  });
});

describe('answers that ARM should not give', () => {
  it.each([
    ['a login server that is a number and a date that is none', { properties: { creationDate: 'long ago' } }],
    ['network rules that are text', { properties: { networkRuleSet: 'Allow' } }],
  ])('a registry with %s is still put right', async (_name, change) => {
    engine = await startScene(disableAdminUser);
    engine.simulator.state.patch(REGISTRY, change, { by: 'operator' });

    await engine.settle();

    expect(outcomesOf(engine)).toEqual(['fixed']);
    expect(engine.simulator.state.get(REGISTRY)?.properties?.['adminUserEnabled']).toBe(false);
    expectGuarantees(engine);
  });

  it('a registry whose tags are a list may be exempt for all we know, so nothing is done', async () => {
    engine = await startScene(disableAdminUser);
    engine.simulator.state.patch(REGISTRY, { tags: ['a'] }, { by: 'operator' });

    await engine.settle();

    expect(engine.mutations()).toEqual([]);
    expect(engine.audit('decision')).toMatchObject([{ decision: 'defer', reason: 'exemption-unreadable' }]);
    expectGuarantees(engine);
  });

  it.each([
    ['without a sku', undefined],
    ['with a sku that is text', 'Premium'],
  ])('a registry %s in every answer is still put right', async (_name, sku) => {
    engine = await startScene(disableAdminUser);
    const { faults, state } = engine.simulator;
    const answer = (adminUserEnabled: boolean) => {
      const { sku: _sku, ...rest } = { sku: undefined, ...state.get(REGISTRY) };
      const body = {
        ...rest,
        ...(sku !== undefined && { sku }),
        properties: { ...state.get(REGISTRY)?.properties, adminUserEnabled },
      };
      return { kind: 'answer', status: 200, headers: { 'content-type': 'application/json' }, body } as const;
    };
    const path = /\/registries\/contosobuild\?/;
    faults.add({ method: 'GET', path, effect: answer(true) });
    const patched = faults.add({ method: 'PATCH', path, times: Infinity, effect: answer(false) });
    faults.add({
      method: 'PATCH',
      path,
      effect: { kind: 'before', run: () => state.patch(REGISTRY, { properties: { adminUserEnabled: false } }) },
    });
    faults.add({ method: 'GET', path, effect: answer(false), times: 2 });

    await acceptEvents(engine.context(), eventAbout(REGISTRY));
    await engine.settle();

    expect(outcomesOf(engine)).toEqual(['fixed']);
    expect(patched.matched).toBe(1);
    expectGuarantees(engine);
  });

  it('a registry without a usable login server is left to a person', async () => {
    engine = await startScene(disableAdminUser);
    engine.simulator.state.patch(REGISTRY, { properties: { loginServer: 42 } }, { by: 'operator' });

    await engine.settle();

    expect(engine.mutations()).toEqual([]);
    expect(engine.audit('decision')).toMatchObject([{ decision: 'ticket', reason: 'dependants-unreadable' }]);
    expectGuarantees(engine);
  });

  it('a cluster whose tags are no map of texts gets those that it lacks once they can be read', async () => {
    engine = await startScene(addRequiredTags);
    engine.simulator.faults.add({
      method: 'GET',
      path: /\/managedClusters\/aks-prod\?/,
      effect: {
        kind: 'answer',
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: { ...engine.simulator.state.get(sampleId('aks-prod')), tags: ['env', 'prod'] },
      },
    });

    addRequiredTags.violate(engine);
    await engine.settle();
    expect(engine.mutations()).toEqual([]);
    expect(engine.audit('decision')).toMatchObject([{ decision: 'defer', reason: 'exemption-unreadable' }]);
    await sweepResources(engine.context());
    await engine.settle();

    expect(addRequiredTags.isFixed(engine)).toBe(true);
    expectGuarantees(engine);
  });

  it('an answer about another resource is not believed', async () => {
    engine = await startScene(disableAdminUser);
    const other = engine.simulator.state.get(sampleId('contosofresh'));
    engine.simulator.faults.add({
      method: 'GET',
      path: /\/registries\/contosobuild\?/,
      effect: { kind: 'answer', status: 200, headers: { 'content-type': 'application/json' }, body: other ?? null },
    });

    await acceptEvents(engine.context(), eventAbout(REGISTRY));
    await engine.settle();

    expect(outcomesOf(engine)).toEqual(['fixed']);
    expect(engine.audit('decision')).toMatchObject([{ decision: 'defer', reason: 'azure-unavailable' }]);
    expectGuarantees(engine);
  });

  it.each([
    ['an HTML page', { status: 403, body: '<html>blocked</html>' }],
    ['no body', { status: 403 }],
  ])('a refusal of the read with %s is unknown, not fine', async (_name, answer) => {
    engine = await startScene(disableAdminUser);
    engine.simulator.faults.add({ method: 'GET', times: Infinity, effect: { kind: 'answer', ...answer } });

    await acceptEvents(engine.context(), eventAbout(REGISTRY));
    await engine.settle();

    expect(engine.findings()).toMatchObject([{ verdict: 'unknown', decision: 'observe' }]);
    expect(engine.mutations()).toEqual([]);
    expectGuarantees(engine);
  });
});

describe('settings that nobody can mean', () => {
  const malformed = [
    'Enforce',
    'ENFORCE',
    ' enforce',
    'enforce ',
    'on',
    'true',
    '1',
    '',
    'еnforce',
    '\uFEFFenforce',
    'null',
  ];

  for (const setting of ['REMEDIATE_ACR_DISABLE_ADMIN_USER', 'DOCKWARDEN_MODE']) {
    it.each(malformed)(`${setting}=%j: the plan is recorded and nothing is done`, async (value) => {
      engine = await startScene(disableAdminUser);
      engine.setEnvironment({ [setting]: value });

      disableAdminUser.violate(engine);
      await engine.settle();

      expect(engine.mutations()).toEqual([]);
      const [row, ...others] = engine.audit('decision');
      expect(others).toEqual([]);
      expect(row).toMatchObject({ decision: 'observe', reason: 'mode-observe' });
      expect(
        JSON.parse(row?.operations ?? '[]').map(({ operation, result }: Record<string, unknown>) => [
          operation,
          result,
        ]),
      ).toEqual([
        ['registries.regenerateCredential', 'planned'],
        ['registries.regenerateCredential', 'planned'],
        ['registries.update', 'planned'],
      ]);
      expectGuarantees(engine);
    });
  }

  it.each(['{', '[]', '{"owner":7}', '{"a<b":"x"}', '{"owner":"{nobody}"}'])(
    'AKS_REQUIRED_TAGS=%s: nothing is written',
    async (value) => {
      engine = await startScene(addRequiredTags);
      engine.setEnvironment({ AKS_REQUIRED_TAGS: value });

      addRequiredTags.violate(engine);
      await engine.settle();

      expect(engine.mutations()).toEqual([]);
      expect(engine.context().settings.findings.map(({ setting }) => setting)).toContain('AKS_REQUIRED_TAGS');
      expectGuarantees(engine);
    },
  );

  it('a name that is misspelt is a finding that offers the right one', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, REMEDIATE_ACR_DISABLE_ADMINUSER: 'enforce' } });

    expect(engine.context().settings.findings).toMatchObject([
      {
        setting: 'REMEDIATE_ACR_DISABLE_ADMINUSER',
        message: expect.stringContaining('REMEDIATE_ACR_DISABLE_ADMIN_USER'),
      },
    ]);
  });
});

describe('an audit table that cannot be written (R02)', () => {
  it.each(scenes)('$remediationId: nothing is done until it can, then it is fixed', async (scene) => {
    let isBroken = true;
    engine = await startScene(scene, {
      wrapTable(table, name): TableStore {
        if (name !== 'audit') return table;
        return {
          get: async (key) => await table.get(key),
          insert: async (key, columns) => {
            if (isBroken)
              throw new DockwardenError('STORAGE_UNAVAILABLE', 'table audit cannot be used: 503 ServerBusy');
            return await table.insert(key, columns);
          },
          replace: async (key, columns, etag) => await table.replace(key, columns, etag),
          putAll: async (partitionKey, rows) => await table.putAll(partitionKey, rows),
          replaceAll: async (partitionKey, rows) => await table.replaceAll(partitionKey, rows),
          range: (partitionKey, from, to) => table.range(partitionKey, from, to),
          where: (filter) => table.where(filter),
          all: () => table.all(),
        };
      },
    });
    scene.violate(engine);

    await engine.settle(600_000);
    const meanwhile = engine.mutations();
    const waiting = engine.queue.length;
    isBroken = false;
    await engine.settle();

    expect(meanwhile).toEqual([]);
    expect(waiting).toBe(1);
    expect(scene.isFixed(engine)).toBe(true);
    expect(outcomesOf(engine)).toEqual(['fixed']);
    expectGuarantees(engine);
  });
});

/** The first worker hangs in this call until a second one has taken over and finished; how many writes arrive after that? */
async function overtake(scene: Scene, { method, path, skip }: SceneCall): Promise<number> {
  engine = await startScene(scene);
  const target = parseResourceId(scene.resourceId);
  let mutations = 0;
  const hook = engine.simulator.faults.add({
    method,
    path: new RegExp(`${path.source.slice(0, -1)}(\\?|$)`, 'i'),
    caller: 'dockwarden',
    skip,
    effect: {
      kind: 'before',
      async run() {
        engine.clock.advance(151_000);
        await reconcile(engine.context(), parseWorkMessage(formatWorkMessage({ resourceId: target })), 'second worker');
        mutations = engine.mutations().length;
      },
    },
  });
  scene.violate(engine);
  await engine.deliverEvents();

  await engine.drain('first worker');
  await engine.settle();

  expect(hook.matched).toBe(1);
  return engine.mutations().length - mutations;
}

describe('a lease that expires during a fix', () => {
  for (const scene of scenes) {
    for (const call of scene.calls.filter(({ kind }) => kind === 'write' || kind === 'fix-read')) {
      it(`${scene.remediationId}, at ${call.name}: the second worker finishes, the first one writes nothing more`, async () => {
        const late = await overtake(scene, call);

        expect(scene.isFixed(engine)).toBe(true);
        expect(outcomesOf(engine)).toEqual(['fixed']);
        expect(runsOf(engine)[0]?.reason).toBe('verified-after-restart');
        // ARM cannot be fenced: what was in flight arrives as well, and nothing after it.
        expect(late).toBe(call.kind === 'write' ? 1 : 0);
        expect(engine.findings()).toContainEqual(
          expect.objectContaining({ policyId: scene.policyId, status: 'closed' }),
        );
        expectGuarantees(engine);
      });
    }
  }

  it('a second worker that comes while the lease holds does nothing and comes back', async () => {
    engine = await startScene(rotateSecondPassword);
    const target = parseResourceId(rotateSecondPassword.resourceId);
    const delays: number[] = [];
    engine.simulator.faults.add({
      method: 'POST',
      caller: 'dockwarden',
      effect: {
        kind: 'before',
        async run() {
          await reconcile(
            engine.context(),
            parseWorkMessage(formatWorkMessage({ resourceId: target })),
            'second worker',
          );
          delays.push(...engine.queue.map(({ delayMs }) => delayMs));
        },
      },
    });
    rotateSecondPassword.violate(engine);

    await engine.settle();

    expect(delays).toEqual([150_000]);
    expect(engine.mutations()).toHaveLength(1);
    expect(outcomesOf(engine)).toEqual(['fixed']);
    expectGuarantees(engine);
  });
});

describe('a finding in which somebody has damaged a time', () => {
  const ADMIN = disableAdminUser;
  const NESTED = { source: 'resource', expires: '2027-01-01T00:00:00.000Z', reason: 'r', ticket: 't', renewals: 0 };

  it.each<readonly [string, string]>([
    ...[
      'since',
      'updated',
      'notBefore',
      'othersActedAt',
      'failedAt',
      'backoffUntil',
      'lastFixedAt',
      'announcedAt',
      'exemptionInvalidSince',
      'undoneUntil',
      'quarantinedUntil',
    ].flatMap((column) => ['soon', '', '2026-13-45T00:00:00Z', '23.11.2026'].map((text) => [column, text] as const)),
    ['exemption', JSON.stringify({ ...NESTED, seenAt: 'soon' })],
    ['exemption', JSON.stringify({ ...NESTED, expires: 'never', seenAt: '2026-11-23T10:00:00.000Z' })],
    ['reverts', JSON.stringify([{ at: 'soon', runId: 'r1' }])],
  ])('is refused, and nothing is done on the strength of it: %s = %j', async (column, text) => {
    engine = await startScene(ADMIN, { seed: seedOf(ADMIN) });
    engine.setEnvironment({ GRACE_ACR_DISABLE_ADMIN_USER: '1h' });
    ADMIN.violate(engine);
    await engine.settle(1000);
    const [row] = engine.tables.findings.rows;
    if (row === undefined) throw new Error('no finding');
    await engine.tables.findings.replace(row, { ...row.columns, [column]: text }, row.etag);
    engine.clock.advance(2 * 3_600_000);
    const calls = engine.calls().length;
    const [message] = engine.queue.splice(0);
    if (message === undefined) throw new Error('no message');

    const worked = reconcile(engine.context(), parseWorkMessage(message.text), 'worker');

    await expect(worked).rejects.toMatchObject({ code: 'INPUT_INVALID_ROW', message: expect.stringContaining(column) });
    expect(engine.calls()).toHaveLength(calls);
    expect(engine.mutations()).toEqual([]);
    expect(engine.tables.findings.rows).toMatchObject([{ columns: { [column]: text } }]);
    // The lease was given back, and the sweep goes on past it.
    expect(engine.work()[0]).not.toHaveProperty('leaseOwner');
    expect(await sweepResources(engine.context())).toMatchObject({ complete: true });
  });
});

describe('a work message that somebody has forged', () => {
  const { resourceId } = disableAdminUser;

  it.each([
    ['undo', { action: 'undo', runId: '01JDB5Q8V0ABCDEFGHJKMNPQRS' }],
    ['release', { action: 'release', policyId: disableAdminUser.policyId }],
  ])('cannot ask for anything: %s', async (_what, request) => {
    engine = await startEngine();
    const cause = { kind: 'operator', id: 'forged', time: '2026-11-23T10:00:00Z', actor: { id: 'alice' }, request };
    const message = { version: 1, resourceId, cause };

    expect(() => parseWorkMessage(message)).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID_MESSAGE', message: expect.stringContaining('cause.request') }),
    );
    await keepPoison(engine.context(), 'work-poison', message, 'gave up after 5 tries');
    expect(engine.audit()).toMatchObject([{ stage: 'input', reason: 'poison' }]);
    expect(engine.work()).toEqual([]);
  });

  it('cannot put a fix into an operator’s name', async () => {
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser) });
    engine.simulator.state.patch(resourceId, { properties: { adminUserEnabled: true } });
    const cause = { kind: 'operator', id: 'forged', time: '2026-11-23T10:00:00Z', actor: { id: 'alice' } };

    await reconcile(engine.context(), parseWorkMessage({ version: 1, resourceId, cause }), 'worker');

    expect(outcomesOf(engine)).toEqual(['fixed']);
    expect(JSON.stringify([engine.audit(), engine.findings(), engine.work()])).not.toContain('alice');
  });

  it('with a time in the future keeps no rotation away for longer than the grace', async () => {
    engine = await startScene(rotateSecondPassword, { seed: seedOf(rotateSecondPassword) });
    engine.simulator.state.patch(resourceId, { properties: { adminUserEnabled: true } });
    const operation = 'Microsoft.ContainerRegistry/registries/regenerateCredential/action';
    const cause = { kind: 'event', id: 'forged', time: '2099-01-01T00:00:00Z', operation };

    await reconcile(engine.context(), parseWorkMessage({ version: 1, resourceId, cause }), 'worker');
    expect(engine.findings()).toMatchObject([{ othersActedAt: '2026-11-23T10:00:00.000Z' }]);
    await engine.settle(25 * 3_600_000);

    expect(outcomesOf(engine)).toEqual(['fixed']);
  });
});

describe('a lease that somebody has put far into the future', () => {
  it('is waited for by messages of a day at most', async () => {
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser) });
    disableAdminUser.violate(engine);
    await engine.deliverEvents();
    const [row] = engine.tables.work.rows;
    if (row === undefined) throw new Error('no row');
    const columns = { ...row.columns, leaseOwner: 'nobody', leaseUntil: '2099-01-01T00:00:00.000Z' };
    await engine.tables.work.replace(row, columns, row.etag);

    await engine.drain();

    expect(engine.queue.map(({ delayMs }) => delayMs)).toEqual([24 * 3_600_000]);
    expect(engine.calls()).toEqual([]);
  });
});
