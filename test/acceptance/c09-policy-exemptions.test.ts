import { afterEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../local/azure/json.ts';
import { builtInId } from '../../local/azure/policy/built-ins.ts';
import type { RawResource } from '../../local/azure/resource-store.ts';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { listExemptions } from '../../src/cli/list-holds.ts';
import type { Environment } from '../../src/settings/settings.ts';
import { VAULT_ID } from '../simulator/vault-harness.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import {
  ANONYMOUS_PULL,
  AUDIT_ADMIN_USER,
  assignment,
  exemption,
  initiative,
  MODIFY_ADMIN_USER,
  SUBSCRIPTION,
} from '../support/azure-policy.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { KEY_ID, setRotationPolicy, startKeys, violate as violateKey } from './key-scenes.ts';
import { DAY, findingOf, HOUR, runsWith, seedOf, sweep } from './operator-requests.ts';
import {
  addRequiredTags,
  disableAdminUser,
  rotateSecondPassword,
  type Scene,
  startScene,
} from './remediation-scenes.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const scene = disableAdminUser;
const REGISTRY = scene.resourceId;
const GROUP = `${SUBSCRIPTION}/resourceGroups/rg-platform-prod`;
const MANAGEMENT_GROUP = '/providers/Microsoft.Management/managementGroups/platform';
const COPY = `${SUBSCRIPTION}/providers/Microsoft.Authorization/policyDefinitions/${AUDIT_ADMIN_USER.split('/').at(-1)}`;
const ROTATION = builtInId('d8cf8476-a2ec-4916-896e-992351803c44');
/** The harness starts on 23 November 2026 at 10:00 UTC. */
const IN_A_MONTH = { expiresOn: '2026-12-24T12:00:00Z' };
const SELECTS_OTHERS = { resourceSelectors: [{ selectors: [{ kind: 'resourceLocation', in: ['northeurope'] }] }] };
const SELECTS_OURS = { resourceSelectors: [{ selectors: [{ kind: 'resourceLocation', in: ['West Europe'] }] }] };
const SELECTS_ODDLY = {
  resourceSelectors: [{ selectors: [{ kind: 'resourceWithoutLocation', in: ['subscriptionLevelResources'] }] }],
};

async function start(planted: readonly RawResource[], environment: Environment = {}, of: Scene = scene): Promise<void> {
  const seed = seedOf(of);
  const subscriptions = seed.subscriptions.map((one) => ({ ...one, managementGroups: ['platform'] }));
  engine = await startScene(of, { seed: { ...seed, subscriptions } });
  engine.setEnvironment(environment);
  for (const one of planted) engine.simulator.state.put(one);
}

async function startViolated(planted: readonly RawResource[], environment: Environment = {}): Promise<void> {
  await start(planted, environment);
  scene.violate(engine);
  await engine.settle(HOUR);
}

async function sweepDays(days: number): Promise<void> {
  for (let day = 0; day < days; day += 1) {
    engine.clock.advance(DAY - HOUR);
    await sweep(engine);
  }
}

/** Requests about Azure Policy, by type. */
function policyCalls(): readonly string[] {
  return engine.calls().flatMap((call) => /\/(policy\w+)(?:\/[^/]+)?$/.exec(call)?.[1] ?? []);
}

function expectExempt(): void {
  expect(engine.mutations()).toEqual([]);
  expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt', reason: 'exempt-azure-policy' });
  expectSettled(engine);
}

function expectDeferred(because: string): void {
  expect(engine.mutations()).toEqual([]);
  expect(findingOf(engine, scene)).toMatchObject({
    decision: 'defer',
    reason: 'exemption-unreadable',
    because: expect.stringContaining(because),
  });
}

function expectFixed(): void {
  expect(scene.isFixed(engine)).toBe(true);
  expect(runsWith(engine, 'fixed')).toHaveLength(1);
  expectRecordedMutations(engine);
  expectSettled(engine);
}

/** An assignment, and an exemption from it at the registry. */
function waived(definitionId: string, properties: JsonObject = {}, scope = REGISTRY): readonly RawResource[] {
  const assigned = assignment(definitionId);
  return [assigned, exemption(assigned, scope, { ...IN_A_MONTH, ...properties })];
}

function waivedInitiative(definitions: readonly string[], properties: JsonObject = {}): readonly RawResource[] {
  const set = initiative(definitions);
  const assigned = assignment(set.id);
  return [set, assigned, exemption(assigned, REGISTRY, { ...IN_A_MONTH, ...properties })];
}

function ofManagementGroup(definitionId: string): readonly RawResource[] {
  const assigned = assignment(definitionId, MANAGEMENT_GROUP);
  return [assigned, exemption(assigned, MANAGEMENT_GROUP, IN_A_MONTH)];
}

describe('an exemption of Azure Policy exempts', () => {
  it.each<readonly [string, readonly RawResource[]]>([
    ['from the definition that audits', waived(AUDIT_ADMIN_USER)],
    ['from the one that fixes', waived(MODIFY_ADMIN_USER)],
    ['in other letters', waived(AUDIT_ADMIN_USER.toUpperCase())],
    ['at the group', waived(AUDIT_ADMIN_USER, {}, GROUP)],
    ['at the subscription', waived(AUDIT_ADMIN_USER, {}, SUBSCRIPTION)],
    ['at the management group', ofManagementGroup(AUDIT_ADMIN_USER)],
    ['as mitigated', waived(AUDIT_ADMIN_USER, { exemptionCategory: 'Mitigated' })],
    ['for longer than a tag may', waived(AUDIT_ADMIN_USER, { expiresOn: '2036-01-01T00:00:00Z' })],
    ['through an initiative', waivedInitiative([ANONYMOUS_PULL, AUDIT_ADMIN_USER])],
    [
      'through the reference of an initiative',
      waivedInitiative([ANONYMOUS_PULL, AUDIT_ADMIN_USER], { policyDefinitionReferenceIds: ['REF2'] }),
    ],
    ['where its selectors choose the registry', waived(AUDIT_ADMIN_USER, SELECTS_OURS)],
  ])('%s', async (_how, planted) => {
    await startViolated(planted);

    expectExempt();
    expect(engine.audit('decision')).toMatchObject([{ decision: 'exempt', reason: 'exempt-azure-policy' }]);
  });

  it('and says which, whose words, and until when', async () => {
    const words = {
      description: 'legacy\u0007 build farm',
      displayName: 'not shown',
      metadata: { ticketRef: 'OPS-7' },
    };
    await startViolated(waived(AUDIT_ADMIN_USER, words));

    expect(findingOf(engine, scene)).toMatchObject({
      because:
        'exemption waiver of Azure Policy (assignment security), Waiver, until 2026-12-24 12:00 UTC: legacy build farm (OPS-7); nobody knows who set it',
      // A week before its end it is announced.
      notBefore: '2026-12-17T12:00:00.000Z',
      exemption: {
        source: 'azure-policy',
        exemption: 'waiver',
        assignment: 'security',
        category: 'Waiver',
        expires: '2026-12-24T12:00:00.000Z',
        reason: 'legacy build farm',
        ticket: 'OPS-7',
        renewals: 0,
      },
    });
    const { records, rows } = await listExemptions(engine.context().findings, engine.clock.now(), () => undefined);
    expect(records).toMatchObject([{ source: 'azure-policy', exemption: 'waiver', ticket: 'OPS-7' }]);
    expect(rows[0]).toContain('azure-policy: waiver');
  });

  it('names an application that made it, and a person only with AUDIT_ACTOR_NAMES', async () => {
    await start([assignment(AUDIT_ADMIN_USER)]);
    const body = { properties: { ...exemption(assignment(AUDIT_ADMIN_USER), REGISTRY, IN_A_MONTH).properties } };
    const id = exemption(assignment(AUDIT_ADMIN_USER), REGISTRY).id;
    const seen: unknown[] = [];
    for (const [who, names] of [
      ['automation', 'off'],
      ['operator', 'off'],
      ['operator', 'on'],
    ] as const) {
      engine.setEnvironment({ AUDIT_ACTOR_NAMES: names });
      engine.simulator.as(who).put(id, body);
      scene.violate(engine);
      await engine.settle(HOUR);
      engine.simulator.state.remove(id);
      seen.push(findingOf(engine, scene)?.exemption?.by);
      await sweep(engine);
      engine.clock.advance(2 * DAY);
    }

    expect(seen).toEqual([
      engine.simulator.identity('automation').objectId,
      undefined,
      'platform-operator@contoso.example',
    ]);
  });

  it('says so when whoever made it may have brought the violation', async () => {
    await start([assignment(AUDIT_ADMIN_USER)]);
    const waiver = exemption(assignment(AUDIT_ADMIN_USER), REGISTRY, IN_A_MONTH);
    engine.simulator.as('automation').put(waiver.id, { properties: { ...waiver.properties } });
    engine.simulator.as('automation').patch(REGISTRY, { properties: { adminUserEnabled: true } });
    await engine.settle(HOUR);

    expect(findingOf(engine, scene)?.exemption).toMatchObject({ isOwnViolation: true });
    expect(findingOf(engine, scene)?.because).toContain('may have brought the violation');
  });
});

describe('an exemption of Azure Policy counts for nothing', () => {
  const gone = assignment(AUDIT_ADMIN_USER, SUBSCRIPTION, 'gone');
  it.each<readonly [string, readonly RawResource[]]>([
    ['from another definition', waived(ANONYMOUS_PULL)],
    ['from a copy of the definition', waived(COPY)],
    ['from an initiative without the definition', waivedInitiative([ANONYMOUS_PULL])],
    [
      'from another definition of the initiative',
      waivedInitiative([ANONYMOUS_PULL, AUDIT_ADMIN_USER], { policyDefinitionReferenceIds: ['ref1'] }),
    ],
    ['of a second ago', waived(AUDIT_ADMIN_USER, { expiresOn: '2026-11-23T09:59:59Z' })],
    ['that ends now', waived(AUDIT_ADMIN_USER, { expiresOn: '2026-11-23T10:00:00Z' })],
    ['where its selectors choose others', waived(AUDIT_ADMIN_USER, SELECTS_OTHERS)],
    ['from an assignment that is gone', [exemption(gone, REGISTRY, IN_A_MONTH)]],
    ['of another registry', waived(AUDIT_ADMIN_USER, {}, sampleId('contosofresh'))],
    ['below the registry', waived(AUDIT_ADMIN_USER, {}, `${REGISTRY}/tokens/x`)],
    ['of another definition with selectors that nobody understands', waived(ANONYMOUS_PULL, SELECTS_ODDLY)],
  ])('%s', async (_what, planted) => {
    await startViolated(planted);

    expectFixed();
    expect(engine.audit('decision')).toEqual([]);
  });

  it('without azure-policy in EXEMPTION_SOURCES, and costs no call then', async () => {
    await startViolated(waived(AUDIT_ADMIN_USER), { EXEMPTION_SOURCES: 'resource,resource-group' });

    expectFixed();
    expect(policyCalls()).toEqual([]);
  });

  it('while the remediation only observes, and costs no call then', async () => {
    await startViolated(waived(AUDIT_ADMIN_USER), { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' });

    expect(findingOf(engine, scene)).toMatchObject({ decision: 'observe', reason: 'mode-observe' });
    expect(policyCalls()).toEqual([]);
  });

  it.each([rotateSecondPassword, addRequiredTags])(
    'for a policy that has no equal in Azure Policy, and costs no call: $policyId',
    async (other) => {
      await start([], {}, other);
      other.violate(engine);
      await engine.settle(HOUR);

      expect(policyCalls()).toEqual([]);
    },
  );
});

describe('a key of a vault', () => {
  const assigned = assignment(ROTATION);
  async function startKey(properties: JsonObject, scope: string): Promise<void> {
    engine = await startKeys();
    for (const one of [assigned, exemption(assigned, scope, properties)]) engine.simulator.state.put(one);
    violateKey(engine, setRotationPolicy);
    await engine.settle(HOUR);
  }

  it('is exempt with its vault, for which Azure allows exemptions', async () => {
    await startKey(IN_A_MONTH, VAULT_ID);

    expect(engine.findings().find(({ policyId }) => policyId === setRotationPolicy.policyId)).toMatchObject({
      resourceId: KEY_ID,
      decision: 'exempt',
      reason: 'exempt-azure-policy',
    });
    expect(engine.mutations()).toEqual([]);
  });

  it('may be meant by selectors for its type or not: nobody tells', async () => {
    const selectors = [{ kind: 'resourceType', in: ['Microsoft.KeyVault/vaults/keys'] }];
    await startKey({ ...IN_A_MONTH, resourceSelectors: [{ selectors }] }, VAULT_ID);

    expect(engine.findings().find(({ policyId }) => policyId === setRotationPolicy.policyId)).toMatchObject({
      reason: 'exemption-unreadable',
      because: expect.stringContaining('selectors'),
    });
    expect(engine.mutations()).toEqual([]);
  });
});

describe('what cannot be understood holds the fix back', () => {
  const hidden = assignment(AUDIT_ADMIN_USER, `${MANAGEMENT_GROUP}-of-others`);
  it.each<readonly [string, readonly RawResource[], string]>([
    ['an end that is no time', waived(AUDIT_ADMIN_USER, { expiresOn: 'soon' }), 'exemption "waiver" is not of a form'],
    ['selectors', waived(AUDIT_ADMIN_USER, SELECTS_ODDLY), 'the selectors of exemption "waiver"'],
    ['an assignment that is not shown', [exemption(hidden, REGISTRY, IN_A_MONTH)], 'is not listed at the resource'],
    [
      'an assignment without definition',
      waived(AUDIT_ADMIN_USER).map((one) =>
        one.type.endsWith('policyAssignments') ? { ...one, properties: {} } : one,
      ),
      'assignment /subscriptions/',
    ],
    [
      'an initiative without definitions',
      waivedInitiative([AUDIT_ADMIN_USER]).map((one) =>
        one.type.endsWith('policySetDefinitions') ? { ...one, properties: {} } : one,
      ),
      'initiative /subscriptions/',
    ],
    [
      'an exemption of no category',
      [{ ...exemption(hidden, REGISTRY, { exemptionCategory: 7 }), name: '' }],
      'exemption "" is not of a form',
    ],
  ])('%s', async (_what, planted, because) => {
    await startViolated(planted);

    expectDeferred(because);
    expect(engine.audit('decision')).toMatchObject([{ reason: 'exemption-unreadable' }]);
  });

  it('selectors for a location that the resource does not tell', async () => {
    await start(waived(AUDIT_ADMIN_USER, SELECTS_OTHERS));
    const { location: _location, ...registry } = engine.simulator.state.get(REGISTRY) ?? exemption(hidden, REGISTRY);
    engine.simulator.state.put({ ...registry, properties: { ...registry.properties, adminUserEnabled: true } });
    await sweep(engine);

    expectDeferred('the selectors of exemption "waiver"');
    expect(engine.mutations()).toEqual([]);
  });

  it('but a valid one beside it exempts', async () => {
    const assigned = assignment(AUDIT_ADMIN_USER);
    await startViolated([
      assigned,
      exemption(assigned, REGISTRY, { expiresOn: 'soon' }, 'broken'),
      exemption(assigned, GROUP, IN_A_MONTH),
    ]);

    expectExempt();
    expect(findingOf(engine, scene)?.exemption).toMatchObject({ exemption: 'waiver' });
  });

  it.each([
    ['policyExemptions', { name: 7 }, 'exemption without a name is not of a form'],
    ['policyAssignments', { id: 7 }, 'the list of assignments holds one of a form'],
  ])('an entry of the list of %s that is nothing known', async (type, entry, because) => {
    await start(waived(AUDIT_ADMIN_USER));
    const effect = { kind: 'answer', status: 200, body: { value: [entry] } } as const;
    engine.simulator.faults.add({ caller: 'dockwarden', path: new RegExp(`/${type}[?]`), times: Infinity, effect });
    scene.violate(engine);
    await engine.settle(HOUR);

    expectDeferred(because);
    expect(engine.audit('decision')).toHaveLength(1);
  });

  it.each(['policyExemptions', 'policyAssignments', 'policySetDefinitions'])(
    'a refusal of %s, until it is granted and a sweep comes by',
    async (type) => {
      await start(waivedInitiative([ANONYMOUS_PULL]));
      const body = { error: { code: 'AuthorizationFailed', message: `may not read ${type}` } };
      const refused = engine.simulator.faults.add({
        caller: 'dockwarden',
        path: new RegExp(`/${type}[/?]`),
        times: Infinity,
        effect: { kind: 'answer', status: 403, body },
      });
      scene.violate(engine);
      await engine.settle(HOUR);
      expectDeferred(`may not read ${type}`);
      refused.remove();
      await sweep(engine);

      expectFixed();
      expect(refused.matched).toBe(1);
    },
  );

  it.each(['policyExemptions', 'policyAssignments', 'policySetDefinitions'])(
    'no answer about %s, and is tried again by itself',
    async (type) => {
      await start(waivedInitiative([AUDIT_ADMIN_USER]));
      const path = new RegExp(`/${type}[/?]`);
      const fault = engine.simulator.faults.add({
        caller: 'dockwarden',
        path,
        times: 2,
        effect: { kind: 'answer', status: 503, body: {} },
      });
      scene.violate(engine);
      await engine.settle(1000);
      expectDeferred('503');
      await engine.settle(HOUR);

      expectExempt();
      expect(fault.matched).toBe(2);
    },
  );
});

describe('the end of an exemption of Azure Policy', () => {
  it('is announced once, and the fix follows it', async () => {
    await startViolated(waived(AUDIT_ADMIN_USER, { expiresOn: '2026-12-02T12:00:00Z' }));
    expect(engine.audit('notice')).toEqual([]);

    await sweepDays(3);
    expect(engine.audit('notice')).toMatchObject([
      {
        reason: 'exemption-ending',
        error:
          'the exemption waiver of Azure Policy (assignment security) ends at 2026-12-02T12:00:00.000Z: no reason is given',
      },
    ]);
    await sweepDays(5);
    expectExempt();
    await sweepDays(2);

    expectFixed();
    expect(engine.audit('notice')).toHaveLength(1);
  });

  it('never comes without one: it holds, is shown as endless, and is looked at with every sweep', async () => {
    await startViolated(waived(AUDIT_ADMIN_USER, { expiresOn: undefined }));
    await sweep(engine);
    engine.clock.advance(400 * DAY);
    await sweep(engine);

    expectExempt();
    expect(findingOf(engine, scene)?.because).toContain('Waiver, without end: ');
    expect(findingOf(engine, scene)).not.toHaveProperty('notBefore');
    expect(engine.audit('notice')).toEqual([]);
    expect(engine.audit('decision')).toHaveLength(1);
    const listed = await listExemptions(engine.context().findings, engine.clock.now(), () => undefined);
    expect(listed.rows[0]).toContain('never');

    // Removed without a word: the next sweep sees it, and nobody is told that it still holds.
    engine.simulator.state.remove(exemption(assignment(AUDIT_ADMIN_USER), REGISTRY).id);
    engine.setEnvironment({ FREEZE_DATES: engine.clock.now().toISOString().slice(0, 10) });
    await sweep(engine);
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'defer', reason: 'frozen', status: 'open' });
    const after = await listExemptions(engine.context().findings, engine.clock.now(), () => undefined);
    expect(after.records).toEqual([]);
  });

  it('comes with its removal, which the next sweep sees', async () => {
    await startViolated(waived(AUDIT_ADMIN_USER));
    engine.simulator.state.remove(exemption(assignment(AUDIT_ADMIN_USER), REGISTRY).id);
    await sweep(engine);

    expectFixed();
    expect(findingOf(engine, scene)).toMatchObject({ status: 'closed' });
  });

  it('at the resource itself is told by an event, and so is its beginning', async () => {
    await start([assignment(AUDIT_ADMIN_USER)], { GRACE_ACR_DISABLE_ADMIN_USER: '4h' });
    scene.violate(engine);
    await engine.settle(HOUR);
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'defer', reason: 'notice' });
    const waiver = exemption(assignment(AUDIT_ADMIN_USER), REGISTRY, IN_A_MONTH);
    engine.simulator.as('operator').put(waiver.id, { properties: { ...waiver.properties } });
    await engine.settle(0);
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt', reason: 'exempt-azure-policy' });
    engine.setEnvironment({ GRACE_ACR_DISABLE_ADMIN_USER: '0h' });
    engine.simulator.as('operator').delete(waiver.id);
    await engine.settle(0);

    expect(findingOf(engine, scene)).toMatchObject({ status: 'closed' });
    // What was put off until the fix was due still comes, and finds nothing to do.
    await engine.settle(DAY);
    expectFixed();
  });

  it('that is moved counts as a renewal', async () => {
    await startViolated(waived(AUDIT_ADMIN_USER));
    engine.simulator.state.patch(exemption(assignment(AUDIT_ADMIN_USER), REGISTRY).id, {
      properties: { expiresOn: '2027-06-01T00:00:00Z' },
    });
    await sweep(engine);

    expectExempt();
    expect(findingOf(engine, scene)?.exemption).toMatchObject({ expires: '2027-06-01T00:00:00.000Z', renewals: 1 });
  });

  it('the longest of several counts, and endless is longest', async () => {
    const assigned = assignment(AUDIT_ADMIN_USER);
    await startViolated([
      assigned,
      exemption(assigned, GROUP, { expiresOn: '2027-01-01T00:00:00Z' }, 'one'),
      exemption(assigned, REGISTRY, {}, 'two'),
      exemption(assigned, SUBSCRIPTION, { expiresOn: '2028-01-01T00:00:00Z' }, 'three'),
    ]);

    expect(findingOf(engine, scene)?.exemption).toMatchObject({ exemption: 'two' });
    expect(findingOf(engine, scene)?.exemption).not.toHaveProperty('expires');
  });
});

describe('calls about Azure Policy', () => {
  it('are one list for a look at a resource that nothing is exempted from', async () => {
    await startViolated([assignment(AUDIT_ADMIN_USER)]);

    expectFixed();
    expect(policyCalls()).toEqual(['policyExemptions']);
  });

  it('are not made where a tag exempts already', async () => {
    await start(waived(AUDIT_ADMIN_USER));
    engine.simulator.state.patch(REGISTRY, {
      tags: { [`dockwarden-exempt-${scene.policyId}`]: '2026-12-24;why;OPS-1' },
    });
    scene.violate(engine);
    await engine.settle(HOUR);

    expect(findingOf(engine, scene)).toMatchObject({ reason: 'exempt-resource' });
    expect(policyCalls()).toEqual([]);
  });

  it('are two lists where something else is exempted, however often, and one read for each initiative', async () => {
    const set = initiative([ANONYMOUS_PULL]);
    const assigned = [assignment(set.id, SUBSCRIPTION, 'one'), assignment(set.id, GROUP, 'two')];
    await startViolated([
      set,
      ...assigned,
      ...assigned.map((one) => exemption(one, REGISTRY, IN_A_MONTH, `from-${one.name}`)),
    ]);

    expectFixed();
    expect(policyCalls()).toEqual(['policyExemptions', 'policyAssignments', 'policySetDefinitions']);
  });

  it('are made anew before a fix for which the resource was read again', async () => {
    await start([assignment(AUDIT_ADMIN_USER)]);
    // Looking for dependants takes so long that what was read is old; meanwhile somebody exempts the registry.
    engine.simulator.faults.add({
      caller: 'dockwarden',
      path: /containerApps/,
      effect: {
        kind: 'before',
        run: () => {
          engine.clock.advance(10_000);
          engine.simulator.state.put(exemption(assignment(AUDIT_ADMIN_USER), REGISTRY, IN_A_MONTH));
        },
      },
    });
    scene.violate(engine);
    await engine.settle(HOUR);

    expectExempt();
    expect(policyCalls()).toEqual(['policyExemptions', 'policyExemptions', 'policyAssignments']);
  });
});
