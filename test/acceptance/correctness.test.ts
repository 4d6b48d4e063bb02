import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { PASSWORD_CANARY } from '../../local/azure/providers/container-registry.ts';
import type { RawResource } from '../../local/azure/resource-store.ts';
import { createSampleSubscription, SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { apiVersions } from '../../src/azure/api-versions.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { expectGuarantees, outcomesOf, runsOf } from './c10-guarantees.ts';
import { changedByUs } from './changed-paths.ts';
import {
  addRequiredTags,
  disableAdminUser,
  rotateSecondPassword,
  type Scene,
  scenes,
  startScene,
} from './remediation-scenes.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

async function run(scene: Scene, untilMs?: number): Promise<void> {
  scene.violate(engine);
  await engine.settle(untilMs);
}

async function sweep(): Promise<void> {
  engine.clock.advance(3_600_000);
  await sweepResources(engine.context());
  await engine.settle();
}

const REGISTRY = /\/registries\/\w+\?/i;

describe('the sweep acts from the same policies (R12)', () => {
  it('fixes a registry that no event told of, and again after it was reverted without one', async () => {
    engine = await startScene(disableAdminUser);
    const { state } = engine.simulator;
    const isOff = () => state.get(sampleId('contosobuild'))?.properties?.['adminUserEnabled'] === false;

    await sweep();
    expect(isOff()).toBe(true);
    state.patch(sampleId('contosobuild'), { properties: { adminUserEnabled: true } });
    await sweep();

    expect(isOff()).toBe(true);
    const rows = engine.audit('outcome').filter(({ resourceName }) => resourceName === 'contosobuild');
    expect(rows.map(({ outcome, causeKind }) => [outcome, causeKind])).toEqual([
      ['fixed', 'sweep'],
      ['fixed', 'sweep'],
    ]);
    expectGuarantees(engine);
  });
});

describe('a delay shows in exactly the stage in which it happened (R14)', () => {
  const stages = ['event', 'queued', 'started', 'read', 'decided', 'fixed', 'verified'] as const;
  const DELAY = 7000;
  const fault =
    (method: string, path: RegExp, skip = 0) =>
    () =>
      engine.simulator.faults.add({
        method,
        path,
        caller: 'dockwarden',
        skip,
        effect: { kind: 'before', run: () => engine.clock.advance(DELAY) },
      });
  const hops: Readonly<Record<string, { arm?: () => unknown; inEventGrid?: boolean; inQueue?: boolean }>> = {
    queued: { inEventGrid: true },
    started: { inQueue: true },
    read: { arm: fault('GET', REGISTRY) },
    decided: { arm: fault('GET', /containerApps/) },
    fixed: { arm: fault('PATCH', REGISTRY) },
    verified: { arm: fault('GET', REGISTRY, 1) },
  };

  it.each(Object.entries(hops))('%s', async (stage, { arm, inEventGrid = false, inQueue = false }) => {
    engine = await startScene(disableAdminUser);
    arm?.();
    disableAdminUser.violate(engine);
    if (inEventGrid) engine.clock.advance(DELAY);
    await engine.deliverEvents();
    if (inQueue) engine.clock.advance(DELAY);

    await engine.drain();

    const timings: Readonly<Record<string, string>> = JSON.parse(runsOf(engine)[0]?.record.timings ?? '{}');
    const times = stages.map((name) => Date.parse(timings[name] ?? ''));
    const spent = Object.fromEntries(
      stages.slice(1).map((name, index) => [name, (times[index + 1] ?? 0) - (times[index] ?? 0)]),
    );
    expect(spent).toEqual(Object.fromEntries(stages.slice(1).map((name) => [name, name === stage ? DELAY : 0])));
    expect(runsOf(engine)[0]?.record.latencyMs).toBe(DELAY);
  });
});

describe('what is ours, what is not', () => {
  it('a rotation of our own coming back does not rotate again (R29)', async () => {
    engine = await startScene(rotateSecondPassword);

    await run(rotateSecondPassword);

    expect(engine.simulator.events.at(-1)?.['data']).toMatchObject({
      operationName: 'Microsoft.ContainerRegistry/registries/regenerateCredential/action',
    });
    expect(engine.mutations()).toHaveLength(1);
    expectGuarantees(engine);
  });

  it('a required tag with another value is never overwritten (R31)', async () => {
    engine = await startScene(addRequiredTags);
    engine.setEnvironment({ AKS_REQUIRED_TAGS: '{"env":{"default":"dev","allowed":["dev","test"]},"owner":"x"}' });

    await run(addRequiredTags);

    expect(engine.mutations()).toEqual([]);
    expect(engine.simulator.state.get(addRequiredTags.resourceId)?.tags).toEqual({ env: 'prod' });
    expect(engine.audit('decision')).toMatchObject([{ decision: 'ticket', reason: 'tag-value-not-allowed' }]);
    expectGuarantees(engine);
  });
});

describe('nothing to do (R34)', () => {
  for (const scene of scenes) {
    it(`${scene.remediationId}: a second look after the fix changes nothing and records nothing`, async () => {
      engine = await startScene(scene);
      await run(scene);
      const rows = engine.audit().length;
      const mutations = engine.mutations().length;
      const present = engine.simulator.state.get(scene.resourceId);

      engine.simulator.as('operator').patch(scene.resourceId, { tags: { ...present?.tags, looked: 'twice' } });
      await engine.settle();

      expect(engine.mutations()).toHaveLength(mutations);
      expect(engine.audit()).toHaveLength(rows);
      expectGuarantees(engine);
    });
  }

  it('a fix that finds everything done makes no write and ends already-compliant', async () => {
    engine = await startScene(addRequiredTags);
    engine.simulator.faults.add({
      method: 'GET',
      path: /\/tags\/default/,
      effect: {
        kind: 'before',
        run: () =>
          engine.simulator.state.patch(
            addRequiredTags.resourceId,
            { tags: { costCenter: '0815', owner: 'blue' } },
            { by: 'automation' },
          ),
      },
    });

    await run(addRequiredTags);

    expect(engine.mutations()).toEqual([]);
    expect(outcomesOf(engine)).toEqual(['already-compliant']);
    expectGuarantees(engine);
  });
});

describe('what cannot be read is not fine (R36, R37)', () => {
  it('a page of the sweep that is refused makes it incomplete, and closes no finding by absence', async () => {
    const seed = createSampleSubscription();
    const [model] = seed.resources;
    const fleet = Array.from({ length: 1200 }, (_, index) => registryNamed(`fleet${index}`, { ...model }));
    engine = await startScene(disableAdminUser, { seed: { ...seed, resources: [...seed.resources, ...fleet] } });
    const lost = fleet.at(-1)?.id ?? '';
    engine.simulator.state.patch(lost, { properties: { adminUserEnabled: 'perhaps' } }, { by: 'operator' });
    await engine.settle();
    expect(engine.findings()).toMatchObject([{ resourceId: lost, status: 'open', verdict: 'unknown' }]);
    engine.simulator.state.remove(lost);
    engine.simulator.faults.add({
      path: /ResourceGraph/,
      skip: 1,
      effect: { kind: 'answer', status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } },
    });

    const record = await sweepResources(engine.context());
    await engine.settle();

    expect(record.complete).toBe(false);
    expect(engine.audit('input')).toMatchObject([{ reason: 'sweep-incomplete' }]);
    expect(engine.findings().find(({ resourceId }) => resourceId === lost)).toMatchObject({ status: 'open' });
  });

  it('a lost role looks like an empty estate to the sweep, and still closes nothing', async () => {
    engine = await startScene(disableAdminUser);
    engine.simulator.locks.push({ scope: disableAdminUser.resourceId, name: 'x', level: 'ReadOnly' });
    engine.simulator.state.patch(
      disableAdminUser.resourceId,
      { properties: { adminUserEnabled: true } },
      { by: 'operator' },
    );
    await engine.settle();
    const role = engine.simulator.identity('dockwarden').roleAssignments;
    Reflect.set(engine.simulator.identity('dockwarden'), 'roleAssignments', []);

    await sweep();
    const without = engine.findings();
    Reflect.set(engine.simulator.identity('dockwarden'), 'roleAssignments', role);
    await sweep();

    expect(without).toMatchObject([
      { status: 'open', verdict: 'unknown', decision: 'observe', reason: 'verdict-unknown' },
    ]);
    expect(engine.findings().find(({ resourceId }) => resourceId === disableAdminUser.resourceId)).toMatchObject({
      status: 'open',
      verdict: 'violation',
    });
  });

  it.each([
    ['with a flag that is neither on nor off', { properties: { adminUserEnabled: 'perhaps' } }],
    ['with a flag that is a number', { properties: { adminUserEnabled: 1 } }],
  ])('a registry %s is unknown, and nothing is done', async (_name, change) => {
    engine = await startScene(disableAdminUser);
    engine.simulator.state.patch(disableAdminUser.resourceId, change, { by: 'operator' });

    await engine.settle();

    expect(engine.mutations()).toEqual([]);
    expect(engine.findings()).toMatchObject([{ verdict: 'unknown', decision: 'observe' }]);
    expectGuarantees(engine);
  });
});

describe('a body that Azure should not send', () => {
  const { resourceId } = disableAdminUser;
  const base = { id: resourceId, name: 'contosoacr', type: 'Microsoft.ContainerRegistry/registries' };

  it.each([
    ['without properties', base],
    ['whose properties are text', { ...base, properties: 'adminUserEnabled' }],
    ['whose properties are a list', { ...base, properties: [true] }],
    ['without a name', { id: resourceId, properties: { adminUserEnabled: true } }],
  ])('%s is unknown, and nothing is done', async (_name, body) => {
    engine = await startScene(disableAdminUser);
    const headers = { 'content-type': 'application/json' };
    engine.simulator.faults.add({
      method: 'GET',
      path: REGISTRY,
      times: Infinity,
      effect: { kind: 'answer', status: 200, headers, body },
    });

    await run(disableAdminUser);

    expect(engine.mutations()).toEqual([]);
    expect(engine.findings()).toMatchObject([{ verdict: 'unknown', decision: 'observe', reason: 'verdict-unknown' }]);
    expectGuarantees(engine);
  });
});

function registryNamed(name: string, change: Partial<RawResource> & Readonly<Record<string, unknown>>): RawResource {
  const base = createSampleSubscription().resources[0];
  const id = sampleId('contosoacr').replace('contosoacr', name);
  const { properties, ...rest } = change;
  return {
    ...base,
    ...rest,
    id,
    name,
    type: 'Microsoft.ContainerRegistry/registries',
    properties: { ...base?.properties, ...properties, loginServer: `${name}.azurecr.io` },
  };
}

const names = fc.stringMatching(/^[A-Za-z][A-Za-z0-9 _.:-]{0,20}$/);
const json = fc.oneof(fc.boolean(), fc.integer(), fc.string({ maxLength: 12 }), fc.constant([1, { a: null }]));
const tags = fc.dictionary(names, fc.string({ maxLength: 12 }), { maxKeys: 6 });
const properties = fc.dictionary(names, json, { maxKeys: 6 });
const extras = fc.record({ tags, properties, zones: fc.option(fc.constant(['1', '2']), { nil: undefined }) });

async function expectOnlyTouched(
  resources: readonly RawResource[],
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  engine = await startScene(
    { ...disableAdminUser, environment },
    { seed: { ...createSampleSubscription(), resources, locks: [] } },
  );
  const before = new Map(resources.map(({ id }) => [id, engine.simulator.state.get(id)]));
  await sweep();
  for (const { id } of resources) {
    const runs = engine.audit('outcome').filter(({ resourceId }) => resourceId === id);
    const touched = runs.flatMap((row) => [
      ...Object.keys(JSON.parse(row.before ?? '{}')),
      ...Object.keys(JSON.parse(row.after ?? '{}')),
    ]);
    const changed = changedByUs(before.get(id), engine.simulator.state.get(id));
    expect(touched).toEqual(expect.arrayContaining([...changed]));
  }
  const pinned = new Set<string>([...Object.values(apiVersions), '2024-04-01']);
  const versions = engine.simulator.requests
    .filter(({ caller }) => caller === 'dockwarden')
    .map(({ apiVersion }) => apiVersion ?? 'none');
  expect([...new Set(versions)].filter((version) => !pinned.has(version))).toEqual([]);
  expectGuarantees(engine);
}

/** All at once: the breaker has a suite of its own. */
const UNLIMITED = { BREAKER_REMEDIATION_CAP: 'off', BREAKER_SUBSCRIPTION_CAP: 'off', BREAKER_FLEET_SHARE: 'off' };

describe('a fix changes the paths that it names and nothing else (R38), with pinned api-versions (R39)', () => {
  const COUNT = 120;

  it(`on ${COUNT} registries of all sorts`, { timeout: 30_000 }, async () => {
    const samples = fc.sample(extras, { numRuns: COUNT, seed: 38 });
    const resources = samples.map((sample, index) =>
      registryNamed(`random${index}`, {
        ...sample,
        properties: { ...sample.properties, adminUserEnabled: true, creationDate: '2020-01-01T00:00:00Z' },
      }),
    );
    await expectOnlyTouched(resources, UNLIMITED);
    expect(outcomesOf(engine).filter((outcome) => outcome === 'fixed')).toHaveLength(COUNT);
  });

  it(`on ${COUNT} registries whose second password is old`, { timeout: 30_000 }, async () => {
    const samples = fc.sample(extras, { numRuns: COUNT, seed: 39 });
    const resources = samples.map((sample, index) =>
      registryNamed(`random${index}`, {
        ...sample,
        properties: { ...sample.properties, adminUserEnabled: true, creationDate: '2020-01-01T00:00:00Z' },
      }),
    );
    await expectOnlyTouched(resources, { ...UNLIMITED, REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' });
    expect(runsOf(engine).filter(({ policyId }) => policyId === rotateSecondPassword.policyId)).toHaveLength(COUNT);
  });

  it(`on ${COUNT} clusters of all sorts`, { timeout: 30_000 }, async () => {
    const model = createSampleSubscription().resources.find(({ name }) => name === 'aks-prod');
    const samples = fc.sample(extras, { numRuns: COUNT, seed: 40 });
    const resources = samples.map((sample, index) => {
      const name = `random-${index}`;
      return {
        ...model,
        ...sample,
        id: sampleId('aks-prod').replace('aks-prod', name),
        name,
        type: 'Microsoft.ContainerService/managedClusters',
        properties: { ...sample.properties, ...model?.properties },
      };
    });
    await expectOnlyTouched(resources, UNLIMITED);
    expect(outcomesOf(engine).filter((outcome) => outcome === 'fixed').length).toBeGreaterThan(COUNT * 0.9);
  });
});

const FIXTURE_REGISTRY =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups/rg-shop/providers/Microsoft.ContainerRegistry/registries/shopregistry';
const FIXTURE_CLUSTER =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups/rg-shop/providers/Microsoft.ContainerService/managedClusters/shop-cluster';

/** A recorded event, about a resource of the sample. */
function recorded(name: string): string {
  return readFileSync(new URL(`../fixtures/events/${name}`, import.meta.url), 'utf8')
    .replaceAll(FIXTURE_REGISTRY, sampleId('contosobuild'))
    .replaceAll(FIXTURE_CLUSTER, sampleId('aks-prod'));
}

describe('who did it (R42)', () => {
  it.each([
    [
      'a user',
      'arm-registry-write-by-user.eventgrid.json',
      disableAdminUser,
      {
        actor: 'aaaaaaaa-0000-4000-8000-000000000001',
        actorType: 'User',
        actorApplication: '04b07795-8ddb-461a-bbee-02f9e1bf7b46',
      },
    ],
    [
      'a service principal',
      'arm-registry-regenerate-by-service-principal.eventgrid.json',
      disableAdminUser,
      {
        actor: 'aaaaaaaa-0000-4000-8000-000000000002',
        actorType: 'ServicePrincipal',
        actorApplication: 'bbbbbbbb-0000-4000-8000-000000000002',
      },
    ],
    [
      'a managed identity',
      'arm-agent-pool-write-by-managed-identity.cloudevents.json',
      addRequiredTags,
      {
        actor: 'aaaaaaaa-0000-4000-8000-000000000003',
        actorType: 'ServicePrincipal',
        actorApplication: 'bbbbbbbb-0000-4000-8000-000000000003',
      },
    ],
    ['nobody', 'arm-registry-write-minimal.eventgrid.json', disableAdminUser, {}],
  ] as const)('%s', async (_who, fixture, scene, expected) => {
    engine = await startScene(scene);

    await acceptEvents(engine.context(), recorded(fixture));
    await engine.settle();

    const [row] = engine.audit('outcome');
    const { actor, actorType, actorApplication, actorName } = row ?? {};
    expect(row?.outcome).toBe('fixed');
    expect(JSON.parse(JSON.stringify({ actor, actorType, actorApplication, actorName }))).toEqual(expected);
    const stored = JSON.stringify(Object.values(engine.tables).map(({ rows }) => rows));
    expect(stored).not.toMatch(/to-drop|platform-operator@contoso|Platform operator|203\.0\.113\.7|S-1-5-21|10032000A/);
    expectGuarantees(engine);
  });
});

function eventAbout(id: string): string {
  return recorded('arm-registry-write-by-user.eventgrid.json').replaceAll(sampleId('contosobuild'), id);
}

describe('resource ids (R44)', () => {
  const same = [
    (id: string) => id.replace('/resourceGroups/', '/resourcegroups/'),
    (id: string) => id.replace('Microsoft.ContainerRegistry', 'MICROSOFT.CONTAINERREGISTRY'),
    (id: string) => id.toUpperCase().replace('/SUBSCRIPTIONS/', '/subscriptions/'),
    (id: string) => `${id}/`,
    (id: string) => `${id}/tokens/ci`,
    (id: string) => `${id}/providers/Microsoft.Insights/diagnosticSettings/all`,
  ];
  const hostile = [
    (id: string) => id.replace('contosobuild', '..'),
    (id: string) => id.replace('contosobuild', 'contoso%62uild'),
    (id: string) => `${id}/../contosolegacy`,
    (id: string) => `${id}/%2e%2e/contosolegacy`,
    (id: string) => id.replace('/resourceGroups/', '/resourceGroups//'),
    (id: string) => id.replace('contosobuild', 'contosobuild?x=y'),
    (id: string) => id.replace('contosobuild', 'contosobuild#'),
    (id: string) => id.replace(SAMPLE_SUBSCRIPTION_ID, 'not-a-guid'),
  ];

  it.each(same.map((spell) => spell(sampleId('contosobuild'))))('%s is the same resource', async (id) => {
    engine = await startScene(disableAdminUser);

    await acceptEvents(engine.context(), eventAbout(id));
    await engine.settle();

    expect(engine.work()).toHaveLength(1);
    expect(engine.simulator.state.get(sampleId('contosobuild'))?.properties?.['adminUserEnabled']).toBe(false);
    expect(outcomesOf(engine)).toEqual(['fixed']);
    expectGuarantees(engine);
  });

  it.each(hostile.map((spell) => spell(sampleId('contosobuild'))))(
    '%s is recorded as invalid and leads to no call',
    async (id) => {
      engine = await startScene(disableAdminUser);

      const accepted = await acceptEvents(engine.context(), eventAbout(id));
      await engine.settle();

      expect(accepted).toEqual({ marked: 0, ignored: 0, invalid: 1 });
      expect(engine.audit()).toMatchObject([{ stage: 'input', reason: 'invalid-resource-id' }]);
      expect(engine.calls()).toEqual([]);
      expectGuarantees(engine);
    },
  );
});

describe('two resources at the same time in one process (R45)', () => {
  it('share no value', async () => {
    engine = await startEngine();
    engine.setEnvironment({ AKS_REQUIRED_TAGS: '{"home":"{resourceGroup}"}' });
    const { simulator } = engine;
    const [one, two] = [sampleId('aks-prod'), sampleId('aks-dev')];
    simulator.as('operator').patch(sampleId('contosoacr'), { properties: { adminUserEnabled: true } });
    simulator.as('operator').patch(sampleId('contosoci'), { properties: { adminUserEnabled: true } });
    for (const id of [one, two]) simulator.as('operator').patch(id, { tags: { env: 'x' } });
    await engine.deliverEvents();

    await Promise.all(
      engine.queue
        .splice(0)
        .map(async ({ text }, index) => await reconcile(engine.context(), parseWorkMessage(text), `w${index}`)),
    );
    await engine.settle();

    expect(simulator.state.get(one)?.tags).toEqual({ env: 'x', home: 'rg-platform-prod' });
    expect(simulator.state.get(two)?.tags).toEqual({ env: 'x', home: 'rg-platform-dev' });
    expect(outcomesOf(engine)).toEqual(['fixed', 'fixed', 'fixed', 'fixed']);
    for (const row of engine.audit('outcome')) {
      const others = ['contosoacr', 'contosoci', 'aks-prod', 'aks-dev'].filter((name) => name !== row.resourceName);
      expect(others.filter((name) => JSON.stringify(row).includes(name))).toEqual([]);
    }
    expectGuarantees(engine);
  });
});

/** Everything that the engine says, errors included. */
function listen(): { lines: string[]; wrapContext: (context: EngineContext) => EngineContext } {
  const lines: string[] = [];
  const note = (message: string, details?: Readonly<Record<string, unknown>>) => {
    lines.push(
      `${message} ${JSON.stringify(details)} ${Object.values(details ?? {})
        .map(String)
        .join(' ')}`,
    );
  };
  return {
    lines,
    wrapContext: (context) => ({ ...context, log: { debug: note, info: note, warn: note, error: note } }),
  };
}

describe('passwords never leave the call that receives them (R52)', () => {
  for (const scene of [disableAdminUser, rotateSecondPassword]) {
    for (const kind of ['apply-then-drop', 'cut-json', 'claims-challenge'] as const) {
      it(`${scene.remediationId}, ${kind} at every rotation until it gives up`, async () => {
        const { lines, wrapContext } = listen();
        engine = await startScene(scene, { wrapContext });
        const queued: string[] = [];
        engine.simulator.faults.add({
          method: 'POST',
          path: /regenerateCredential/,
          times: Infinity,
          effect: { kind },
        });
        engine.simulator.faults.add({
          times: Infinity,
          effect: { kind: 'before', run: () => void queued.push(...engine.queue.map(({ text }) => text)) },
        });

        await run(scene, 30 * 3_600_000);

        expect(engine.simulator.requests.length).toBeGreaterThan(2);
        const stored = Object.values(engine.tables).map(({ rows }) => rows);
        const said = JSON.stringify([stored, queued, lines, engine.poison]);
        expect(said).toContain(scene.resourceId);
        expect(said).not.toContain(PASSWORD_CANARY);
        expectGuarantees(engine);
      });
    }

    it(`${scene.remediationId}, when all goes well`, async () => {
      const { lines, wrapContext } = listen();
      engine = await startScene(scene, { wrapContext });

      await run(scene);

      expect(lines).not.toHaveLength(0);
      expect(JSON.stringify(engine.simulator.state.passwordsOf(scene.resourceId))).toContain(PASSWORD_CANARY);
      expect(JSON.stringify([lines, Object.values(engine.tables).map(({ rows }) => rows)])).not.toContain(
        PASSWORD_CANARY,
      );
    });
  }
});
