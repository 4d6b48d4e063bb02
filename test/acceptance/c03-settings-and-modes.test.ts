import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { PASSWORD_CANARY } from '../../local/azure/providers/container-registry.ts';
import { createSampleSubscription, SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { createContext } from '../../src/app.ts';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { formatWorkMessage } from '../../src/events/work-message.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { RecordedOperation } from '../../src/work/work-items.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { ALL_ACTIONS } from '../support/product-role.ts';
import { ALICE, ask, asSeen, HOUR, seedOf } from './operator-requests.ts';
import { breakFleet, fleetSeed, openDoors, workTogether } from './registry-fleet.ts';
import { addRequiredTags, disableAdminUser, type Scene, scenes, startScene } from './remediation-scenes.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const MINUTE = 60_000;
const ACR = disableAdminUser.resourceId;
const MODE = 'REMEDIATE_ACR_DISABLE_ADMIN_USER';
const ADMIN_ON = { properties: { adminUserEnabled: true } };

/** An engine with the scene's resource alone, and a role that would allow everything: only settings hold it back. */
async function start(scene: Scene, environment: Readonly<Record<string, string>> = {}): Promise<void> {
  engine = await startScene(scene, { seed: seedOf(scene), actions: ALL_ACTIONS });
  engine.setEnvironment(environment);
}

function settingsOf({ remediationId }: Scene) {
  const name = remediationId.toUpperCase().replaceAll('-', '_');
  return { mode: `REMEDIATE_${name}`, notice: `GRACE_${name}` };
}

/** What a row says that was called, or would have been. */
function operationsOf(row: AuditRecord | undefined) {
  const operations = RecordedOperation.array().parse(JSON.parse(row?.operations ?? '[]'));
  return operations.map(({ operation, effect, args }) => ({ operation, effect, args }));
}

/** The ways by which a violation comes to be looked at. */
const ways: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'an event': async (scene) => {
    scene.violate(engine);
    await runHost(engine, { untilMs: MINUTE });
  },
  'a sweep': async (scene) => {
    scene.violate(engine);
    engine.events.length = 0;
    await runHost(engine, { sweep: true, untilMs: MINUTE });
  },
  'an operator who has it looked at again': async (scene) => {
    scene.violate(engine);
    engine.events.length = 0;
    const actor = { id: ALICE.id, type: 'User' } as const;
    const cause = { kind: 'operator', id: 'again', time: engine.clock.now().toISOString(), actor } as const;
    const resourceId = parseResourceId(scene.resourceId);
    await engine.context().queue.send(formatWorkMessage({ resourceId, cause }), 0);
    await runHost(engine, { untilMs: MINUTE });
  },
};

describe.each(scenes)('R15: $remediationId', (scene) => {
  const { mode, notice } = settingsOf(scene);
  const restraints: readonly (readonly [reason: string, environment: Readonly<Record<string, string>>])[] = [
    ['mode-observe', { [mode]: 'observe' }],
    ['mode-observe', { DOCKWARDEN_MODE: 'observe' }],
    ['mode-approve', { [mode]: 'approve' }],
    ['out-of-scope', { [`${mode}_SCOPE`]: 'pilot=yes' }],
    ['outside-window', { [`${mode}_WINDOW`]: '0 22 * * *;1h;UTC' }],
    ['frozen', { FREEZE_DATES: '2026-11-23' }],
    ['notice', { [notice]: '1h' }],
  ];
  const cases = restraints.flatMap(([reason, environment]) =>
    Object.keys(ways).map((way) => ({ reason, environment, way })),
  );

  it.each(cases)('plans under $environment what enforce performs, after $way', async ({ reason, environment, way }) => {
    await start(scene);
    scene.violate(engine);
    await runHost(engine);
    const performed = operationsOf(engine.audit('outcome')[0]);
    expect(performed.filter(({ effect }) => effect === 'write').length).toBeGreaterThan(0);
    await engine.stop();
    await start(scene, environment);

    await ways[way]?.(scene);

    expect(engine.mutations()).toEqual([]);
    expect(engine.audit('intent')).toEqual([]);
    const [row, ...more] = engine.audit('decision');
    expect(row).toMatchObject({ reason, policyId: scene.policyId });
    expect(more).toEqual([]);
    expect(operationsOf(row)).toEqual(performed);
    expect(row?.operations).not.toContain(PASSWORD_CANARY);
  });
});

describe('R16: the kill switch', () => {
  it('holds for 50 messages that are queued already', async () => {
    engine = await startScene(disableAdminUser, { seed: fleetSeed(50, 0), actions: ALL_ACTIONS });
    breakFleet(engine, 50);
    await engine.deliverEvents();
    expect(engine.queue).toHaveLength(50);

    engine.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
    await workTogether(engine);

    expect(engine.mutations()).toEqual([]);
    expect(engine.audit('decision').map(({ reason }) => reason)).toEqual(
      Array.from({ length: 50 }, () => 'mode-observe'),
    );
    expectSettled(engine);
  });

  it('holds from one invocation to the next of the same process, in the middle of a burst', async () => {
    let started = 0;
    engine = await startScene(disableAdminUser, {
      seed: fleetSeed(20, 0),
      actions: ALL_ACTIONS,
      wrapContext: (context) => {
        started += 1;
        if (started === 20 + 7) engine.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
        return context;
      },
    });
    breakFleet(engine, 20);

    await workTogether(engine, 1);

    // Twenty invocations took in the events; the seventh of those that follow still had the old settings.
    expect(20 - openDoors(engine)).toBe(7);
    expect(engine.audit('decision')).toHaveLength(13);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('ends a run that was interrupted, without another call', async () => {
    await start(disableAdminUser);
    engine.simulator.faults.add({ method: 'PATCH', caller: 'dockwarden', effect: { kind: 'drop' } });
    disableAdminUser.violate(engine);
    await runHost(engine, { untilMs: 1000 });
    const calls = engine.mutations().length;

    engine.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
    await runHost(engine);

    expect(engine.mutations()).toHaveLength(calls);
    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'abandoned', reason: 'mode-observe' }]);
    expectSettled(engine);
  });

  it('is honoured by the app, which reads its settings anew for each invocation', async () => {
    await start(disableAdminUser);
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const before = { ...process.env };
    const modes: string[] = [];
    try {
      Object.assign(process.env, { DOCKWARDEN_PRINCIPAL_ID: ALICE.id, [MODE]: 'enforce' });
      for (const mode of ['enforce', 'observe', 'off', 'approve']) {
        process.env['DOCKWARDEN_MODE'] = mode;
        modes.push(createContext(log).settings.modeOf('acr-disable-admin-user'));
      }
    } finally {
      for (const name of ['DOCKWARDEN_PRINCIPAL_ID', 'DOCKWARDEN_MODE', MODE])
        Reflect.deleteProperty(process.env, name);
      Object.assign(process.env, before);
    }

    expect(modes).toEqual(['enforce', 'observe', 'off', 'approve']);
  });
});

/** Texts that look like `enforce` or `approve`, and are neither. */
const lookalikes = [
  ['', ' ', '\t', '\uFEFF', '1', 'true', 'on', 'yes', 'null', 'undefined', '*', '{}', 'default'],
  ['Enforce', 'ENFORCE', 'enforced', 'enforc', 'enforce ', ' enforce', 'enforce\n', '"enforce"', 'enforce,enforce'],
  [
    '\uFEFFenforce',
    'enforce\u200B',
    'еnforce',
    'enf\u043Erce',
    'ｅｎｆｏｒｃｅ',
    'enforce\u0301',
    'enforce\0',
    '=enforce',
  ],
  ['Approve', 'approved', ' approve', 'approve;', '@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/s)'],
].flat();

/** The registry is broken under this setting, and looked at. */
async function tryMode(setting: string, text: string): Promise<void> {
  engine.setEnvironment({ [setting]: text });
  engine.clock.advance(MINUTE);
  engine.simulator.state.patch(ACR, ADMIN_ON, { by: 'operator' });
  await runHost(engine, { untilMs: 1000 });
}

describe('R17: a mode other than exactly `enforce`', () => {
  it.each([MODE, 'DOCKWARDEN_MODE'])(
    'changes nothing without an approval: %s',
    { timeout: 60_000 },
    async (setting) => {
      await start(disableAdminUser);
      const valid = fc.constantFrom('off', 'observe', 'approve');
      const text = fc.oneof(valid, fc.constantFrom(...lookalikes), fc.string(), fc.mixedCase(fc.constant('enforce')));

      await fc.assert(
        fc.asyncProperty(text, async (value) => {
          fc.pre(value !== 'enforce');
          await tryMode(setting, value);
          expect(engine.mutations()).toEqual([]);
        }),
        { numRuns: 120, examples: lookalikes.map((value) => [value]) },
      );

      expect(new Set(engine.audit('decision').map(({ decision }) => decision))).toEqual(
        new Set(['observe', 'await-approval']),
      );
      await tryMode(setting, 'enforce');
      expect(engine.audit('outcome')).toMatchObject([{ outcome: 'fixed' }]);
    },
  );

  it('`approve` changes something once somebody has agreed, and not before', async () => {
    await start(disableAdminUser, { [MODE]: 'approve' });
    disableAdminUser.violate(engine);
    await runHost(engine, { sweep: true });
    expect(engine.mutations()).toEqual([]);

    await ask(engine, 'approve', asSeen(engine, disableAdminUser));
    await runHost(engine);

    expect(engine.audit('intent')).toMatchObject([{ reason: 'approved', approvedBy: ALICE.id }]);
    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'fixed' }]);
    expectRecordedMutations(engine);
  });
});

describe('R18: a scope', () => {
  const GROUP = ACR.slice(0, ACR.indexOf('/providers/'));
  const OTHER = '66666666-7777-8888-9999-000000000000';

  it.each([
    ['a tag with that name in any case and exactly that value', 'env=prod', { ENV: 'prod' }, true],
    ['the same in the case of the setting', 'ENV=prod', { env: 'prod' }, true],
    ['no tags at all', 'env=prod', null, false],
    ['other tags', 'env=prod', { environment: 'prod' }, false],
    ['a value in another case', 'env=prod', { env: 'Prod' }, false],
    ['an empty value', 'env=prod', { env: '' }, false],
    ['a longer value', 'env=prod', { env: 'production' }, false],
    ['one tag of several', 'env=prod,pilot=yes', { env: 'dev', pilot: 'yes' }, true],
    ['the subscription', SAMPLE_SUBSCRIPTION_ID, null, true],
    ['the subscription, as an id of ARM in capitals', `/SUBSCRIPTIONS/${SAMPLE_SUBSCRIPTION_ID}`, null, true],
    ['another subscription', OTHER, null, false],
    ['one subscription of several', `${OTHER}, ${SAMPLE_SUBSCRIPTION_ID}`, null, true],
    ['the resource group', GROUP, null, true],
    ['the resource group in capitals', GROUP.toUpperCase(), null, true],
    ['another resource group', `${GROUP}-2`, null, false],
    ['a resource group whose name begins like it', GROUP.slice(0, -1), null, false],
    ['a place and a tag', `${GROUP},env=prod`, { env: 'prod' }, true],
    ['a place without the tag', `${GROUP},env=prod`, { env: 'dev' }, false],
    ['a tag in another place', `${OTHER},env=prod`, { env: 'prod' }, false],
  ])('%s', async (_what, scope, tags, isInside) => {
    await start(disableAdminUser, { [`${MODE}_SCOPE`]: scope });
    engine.simulator.state.patch(ACR, { tags: null });
    engine.simulator.state.patch(ACR, { ...ADMIN_ON, tags }, { by: 'operator' });

    await runHost(engine);

    expect(engine.simulator.state.get(ACR)?.properties?.['adminUserEnabled']).toBe(!isInside);
    const reasons = new Set(engine.audit().map(({ reason }) => reason));
    expect(reasons).toEqual(new Set(isInside ? ['mode-enforce', 'verified'] : ['out-of-scope']));
    expectSettled(engine);
  });

  it('that is widened is found by the next sweep, without a new event', async () => {
    await start(disableAdminUser, { [`${MODE}_SCOPE`]: OTHER });
    disableAdminUser.violate(engine);
    await runHost(engine);
    expect(engine.mutations()).toEqual([]);

    engine.setEnvironment({ [`${MODE}_SCOPE`]: `${OTHER},${SAMPLE_SUBSCRIPTION_ID}` });
    await runHost(engine, { sweep: true });

    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'fixed' }]);
  });

  it('of one remediation says nothing about another', async () => {
    engine = await startScene(disableAdminUser);
    engine.setEnvironment({ [`${MODE}_SCOPE`]: OTHER });
    disableAdminUser.violate(engine);
    addRequiredTags.violate(engine);

    await runHost(engine);

    expect(engine.audit('outcome').map(({ remediationId }) => remediationId)).toEqual([addRequiredTags.remediationId]);
  });
});

describe('R22: one malformed part', () => {
  it('degrades only what depends on it', async () => {
    engine = await startScene(disableAdminUser);
    engine.setEnvironment({ AKS_REQUIRED_TAGS: '{"costCenter":' });
    disableAdminUser.violate(engine);
    addRequiredTags.violate(engine);

    await runHost(engine);

    expect(engine.audit('outcome').map(({ resourceId, outcome }) => [resourceId, outcome])).toEqual([[ACR, 'fixed']]);
    expect(engine.findings().find(({ policyId }) => policyId === addRequiredTags.policyId)).toMatchObject({
      verdict: 'unknown',
      evidence: 'missing: a valid AKS_REQUIRED_TAGS',
    });
  });

  it('of a limit that holds everything back stops everything, until it is corrected', async () => {
    await start(disableAdminUser, { BREAKER_REMEDIATION_CAP: 'twenty' });
    disableAdminUser.violate(engine);
    await runHost(engine);
    expect(engine.mutations()).toEqual([]);

    engine.setEnvironment({ BREAKER_REMEDIATION_CAP: '20' });
    await runHost(engine, { sweep: true });

    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'fixed' }]);
  });
});

describe('R23: the scope of the sweep', () => {
  const SECOND = '00000000-0000-4000-8000-000000000002';

  it('is read at run time: a subscription that is added is covered by the next sweep', async () => {
    const seed = createSampleSubscription();
    const inSecond = (id: string) => id.replace(SAMPLE_SUBSCRIPTION_ID, SECOND);
    const [model] = seed.resources.filter(({ id }) => id === sampleId('contosobuild'));
    if (model === undefined) throw new Error('the sample has changed');
    engine = await startScene(disableAdminUser, {
      actions: ALL_ACTIONS,
      seed: {
        ...seed,
        subscriptions: [...seed.subscriptions, { subscriptionId: SECOND, displayName: 'Second' }],
        resourceGroups: [
          ...seed.resourceGroups,
          ...seed.resourceGroups.map((group) => ({ ...group, subscriptionId: SECOND })),
        ],
        resources: [{ ...model, id: inSecond(model.id) }],
        locks: [],
      },
    });
    const identity = engine.simulator.identity('dockwarden');
    await runHost(engine, { sweep: true });
    expect(engine.audit()).toEqual([]);
    const here = `/subscriptions/${SECOND}`;
    identity.roleAssignments = [
      ...identity.roleAssignments,
      { scope: here, actions: ALL_ACTIONS, roleName: 'Remediator' },
    ];

    engine.setEnvironment({ SCOPES: `${SAMPLE_SUBSCRIPTION_ID},${SECOND}` });
    await runHost(engine, { sweep: true, untilMs: HOUR });

    expect(engine.audit('outcome')).toMatchObject([
      { outcome: 'fixed', subscriptionId: SECOND, resourceId: inSecond(model.id) },
    ]);
    engine.setEnvironment({ SCOPES: SAMPLE_SUBSCRIPTION_ID });
    engine.simulator.state.patch(inSecond(model.id), ADMIN_ON);
    engine.clock.advance(HOUR);
    await runHost(engine, { sweep: true, untilMs: HOUR });
    expect(engine.audit('outcome')).toHaveLength(1);
  });
});
