import { afterEach, describe, expect, it } from 'vitest';
import { createSampleSubscription } from '../../local/azure/sample-subscription.ts';
import type { Seed } from '../../local/azure/simulator.ts';
import { deriveRoles, listEngineReads } from '../../scripts/generated/roles.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { coveredType } from '../../src/resources/resource-map.ts';
import { toSettingName } from '../../src/settings/catalogue.ts';
import type { Environment, Mode } from '../../src/settings/settings.ts';
import { expectRecordedMutations } from '../support/audit-invariants.ts';
import { ANONYMOUS_PULL, assignment, exemption, initiative, SUBSCRIPTION } from '../support/azure-policy.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { ALL_ACTIONS } from '../support/product-role.ts';
import { expectGuarantees, outcomesOf } from './c10-guarantees.ts';
import { setRotationPolicy, startKeys, violate as violateKey } from './key-scenes.ts';
import { disableAdminUser, listTested, type Scene, scenes, startScene } from './remediation-scenes.ts';

const { read, write } = deriveRoles(listEngineReads(policies), remediations);

let engine: EngineHarness | undefined;

afterEach(async () => {
  await engine?.stop();
  engine = undefined;
});

/** The actions that the simulated Azure allows the product at this moment. */
function roleOf({ simulator }: EngineHarness): readonly string[] {
  return simulator.identity('dockwarden').roleAssignments.flatMap(({ actions }) => actions);
}

/** Actions that were refused to the product. */
function refusedTo({ simulator }: EngineHarness): readonly (string | undefined)[] {
  return simulator.requests
    .filter(({ caller, status }) => caller === 'dockwarden' && status === 403)
    .map(({ action }) => action);
}

/** Every remediation in a mode of its own. */
function modes(modeOf: (remediationId: string) => Mode): Environment {
  return Object.fromEntries(remediations.map(({ id }) => [toSettingName('REMEDIATE', id), modeOf(id)]));
}

/** The product's writes are answered like this. What is long-running ends at its first poll, or by itself when nobody polls. */
function answerWrites({ simulator }: EngineHarness, mode: 200 | 201 | 202): void {
  simulator.operations.rules.push({ mode, method: 'PATCH', retryAfterSeconds: 0, polls: 0, milliseconds: 20_000 });
}

describe('with exactly its effective role (R50)', () => {
  for (const scene of scenes) {
    for (const mode of [200, 201, 202] as const) {
      it(`${scene.remediationId} succeeds when writes are answered ${mode}, and is refused nothing`, async () => {
        const environment = modes((id) => (id === scene.remediationId ? 'enforce' : 'observe'));
        engine = await startScene(scene, { environment: { ...ENFORCING, ...scene.environment, ...environment } });
        scene.violate(engine);
        answerWrites(engine, mode);

        await engine.settle();

        const own = write[scene.remediationId]?.actions ?? [];
        expect(new Set(roleOf(engine))).toEqual(new Set([...read.actions, ...own]));
        expect(refusedTo(engine)).toEqual([]);
        expect(outcomesOf(engine)).toEqual(['fixed']);
        expect(scene.isFixed(engine)).toBe(true);
        expectGuarantees(engine);
      });
    }
  }

  it('every remediation has a scene', () => {
    expect(listTested()).toEqual(remediations.map(({ id }) => id).toSorted());
  });

  it('a mode that changes takes the write role along', async () => {
    engine = await startEngine();
    engine.context();
    const acting = roleOf(engine);
    engine.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
    engine.context();

    expect([acting, roleOf(engine)]).toEqual([ALL_ACTIONS, read.actions]);
  });
});

/** How it may show in the audit that an action is missing. */
const WAYS = [
  'outcome denied',
  'verdict unknown',
  'sweep incomplete',
  'ticket dependants-unreadable',
  'defer exemption-unreadable',
] as const;
type Way = (typeof WAYS)[number];

/** How it has to show; for an action that is not named here each of the ways will do. */
const EXPECTED: Readonly<Record<string, Way>> = {
  'Microsoft.App/containerApps/read': 'ticket dependants-unreadable',
  'Microsoft.ContainerInstance/containerGroups/read': 'ticket dependants-unreadable',
  'Microsoft.ContainerRegistry/registries/operationStatuses/read': 'outcome denied',
  'Microsoft.ContainerRegistry/registries/read': 'verdict unknown',
  'Microsoft.ContainerRegistry/registries/regenerateCredential/action': 'outcome denied',
  'Microsoft.ContainerRegistry/registries/write': 'outcome denied',
  'Microsoft.ContainerService/managedClusters/read': 'verdict unknown',
  'Microsoft.Authorization/policyAssignments/read': 'defer exemption-unreadable',
  'Microsoft.Authorization/policyExemptions/read': 'defer exemption-unreadable',
  'Microsoft.Authorization/policySetDefinitions/read': 'defer exemption-unreadable',
  'Microsoft.Resources/subscriptions/resourceGroups/read': 'defer exemption-unreadable',
  'Microsoft.Resources/tags/read': 'outcome denied',
  'Microsoft.Resources/tags/write': 'outcome denied',
};

/** What the audit says of refusals, as long as it names the action. */
function waysOf(run: EngineHarness, action: string): readonly Way[] {
  const told = run
    .audit()
    .filter(({ error }) => error?.toLowerCase().includes(action.toLowerCase()))
    .map(({ stage, decision, outcome, reason, verdict }) => {
      if (stage === 'input') return reason?.replace('-', ' ');
      if (stage === 'outcome') return `outcome ${outcome}`;
      return verdict === 'unknown' ? 'verdict unknown' : `${decision} ${reason}`;
    });
  return WAYS.filter((way) => told.includes(way));
}

/** How it shows when every scene, and a sweep, runs with the role but for one action. Throws when it does not: then nobody needs it. */
async function findWays(role: readonly string[], action: string): Promise<readonly Way[]> {
  const actions = role.filter((other) => other !== action);
  const found = new Set<Way>();
  for (const scene of scenes) {
    const run = await startScene(scene, { actions, seed: seedOf(scene) });
    try {
      scene.violate(run);
      answerWrites(run, 201);
      await run.settle();
      await sweepResources(run.context());
      await run.settle();
      expectRecordedMutations(run);
      for (const way of waysOf(run, action)) found.add(way);
    } finally {
      await run.stop();
    }
  }
  if (found.size === 0) throw new Error(`${action} is not needed: all goes on without it`);
  return [...found];
}

/** Only the scene's resource, so that the sweep finds nothing else to do, and an exemption of Azure Policy from something else. */
function seedOf({ resourceId }: Scene): Seed {
  const seed = createSampleSubscription();
  const set = initiative([ANONYMOUS_PULL]);
  const assigned = assignment(set.id);
  return {
    ...seed,
    resources: [
      ...seed.resources.filter(({ id }) => id === resourceId),
      set,
      assigned,
      exemption(assigned, SUBSCRIPTION),
    ],
  };
}

/** What only keys need, and where it shows: no scene above asks for it. */
const FOR_KEYS: Readonly<Record<string, (run: EngineHarness) => unknown>> = {
  'Microsoft.KeyVault/vaults/keys/read': (run) => run.audit('input').map(({ reason }) => reason),
  // Resource Graph refuses nothing: it shows less.
  'Microsoft.KeyVault/vaults/read': (run) => run.calls().filter((call) => call.endsWith('/keys')),
  'Microsoft.Compute/diskEncryptionSets/read': (run) => run.findings().map(({ reason }) => reason),
};

/** What only Defender's news need, and where it shows: who lacks it is not refused, or has to do without. */
const FOR_NEWS: Readonly<Record<string, (run: EngineHarness) => unknown>> = {
  'Microsoft.Security/alerts/read': (run) => run.tables.alerts.rows.length,
  'Microsoft.Security/assessments/read': (run) => evidenceOf(run, 'acr-image-vulnerabilities-resolved'),
  'Microsoft.Security/assessments/subAssessments/read': (run) => evidenceOf(run, 'acr-image-vulnerabilities-resolved'),
  'Microsoft.ContainerRegistry/registries/tokens/read': (run) => {
    const ticket = run.tickets().find(({ policyId }) => policyId === 'acr-alerts-closed');
    return /"tokens":"([^"]*)"/.exec(ticket?.evidence ?? '')?.[1];
  },
};

function evidenceOf(run: EngineHarness, policyId: string): string | undefined {
  return run.findings().find((finding) => finding.policyId === policyId)?.evidence;
}

/** Defender finds something in the images of a registry, and raises an alert that is only to be had by polling. */
async function hearNews(run: EngineHarness): Promise<void> {
  const { resourceId } = disableAdminUser;
  const { defender } = run.simulator;
  const finding = {
    resourceId,
    key: 'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5',
    code: 'Unhealthy',
    displayName: 'x',
  } as const;
  defender.raiseAssessment(finding);
  defender.raiseSubAssessment({ ...finding, name: '00000000-0000-4000-8000-000000000001', severity: 'High' });
  await run.settle();
  defender.raiseAlert({ resourceId, alertType: 'ARM_AnomalousOperation.CredentialAccess' });
  run.exported.length = 0;
  await sweepResources(run.context());
  await run.settle();
}

describe('each action of the role is needed', () => {
  it.each([
    ['Microsoft.Security/alerts/read', 0],
    ['Microsoft.Security/assessments/read', 'missing: the status of the recommendation about images'],
    ['Microsoft.Security/assessments/subAssessments/read', '{"status":"Unhealthy"}'],
    ['Microsoft.ContainerRegistry/registries/tokens/read', 'could not be listed'],
  ])("%s: without it Defender's news come to less", async (action, shows) => {
    const outcomes: unknown[] = [];
    for (const actions of [ALL_ACTIONS, ALL_ACTIONS.filter((other) => other !== action)]) {
      const run = await startEngine({ environment: { ...ENFORCING, DEFENDER_ALERTS_POLLING: 'on' }, actions });
      await hearNews(run);
      outcomes.push(FOR_NEWS[action]?.(run));
      await run.stop();
    }

    expect(outcomes[1]).toEqual(shows);
    expect(outcomes[0]).not.toEqual(shows);
  });

  it.each([
    ['Microsoft.KeyVault/vaults/keys/read', ['keys-not-listed']],
    ['Microsoft.KeyVault/vaults/read', []],
    ['Microsoft.Compute/diskEncryptionSets/read', ['no-known-users']],
  ])('%s: without it the sweep of keys comes to less', async (action, shows) => {
    const outcomes: unknown[] = [];
    for (const actions of [ALL_ACTIONS, ALL_ACTIONS.filter((other) => other !== action)]) {
      const run = await startKeys({}, { actions });
      violateKey(run, setRotationPolicy);
      run.events.length = 0;
      await sweepResources(run.context());
      await run.settle();
      outcomes.push(FOR_KEYS[action]?.(run));
      await run.stop();
    }

    expect(outcomes[1]).toEqual(shows);
    expect(outcomes[0]).not.toEqual(shows);
  });

  it.each(ALL_ACTIONS.filter((action) => FOR_KEYS[action] === undefined && FOR_NEWS[action] === undefined))(
    '%s: without it the audit names it as refused',
    async (action) => {
      const ways = await findWays(ALL_ACTIONS, action);

      expect(ways).toContain(EXPECTED[action] ?? ways[0]);
    },
  );

  it.each([
    'Microsoft.ContainerRegistry/registries/delete',
    'Microsoft.ContainerService/managedClusters/upgradeProfiles/read',
  ])('a role that also held %s would be found out', async (planted) => {
    await expect(findWays([...ALL_ACTIONS, planted], planted)).rejects.toThrow(`${planted} is not needed`);
  });
});

describe('in observe', () => {
  it('the read role is enough: everything is judged and planned, nothing is changed and nothing refused', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, ...modes(() => 'observe') } });
    for (const scene of scenes) scene.violate(engine);

    await engine.settle();
    const sweep = await sweepResources(engine.context());
    await engine.settle();

    expect(roleOf(engine)).toEqual(read.actions);
    expect(refusedTo(engine)).toEqual([]);
    expect(engine.mutations()).toEqual([]);
    const covered = engine.simulator.state.list().filter(({ type }) => coveredType(type) !== undefined);
    expect(sweep).toMatchObject({ complete: true, resources: covered.length });
    const open = engine.findings().filter(({ status }) => status === 'open');
    expect(open.length).toBeGreaterThan(scenes.length);
    for (const finding of open) {
      expect(finding).toMatchObject({ verdict: 'violation', decision: 'observe', reason: 'mode-observe' });
    }
    const plans = engine.audit('decision').map(({ policyId, resourceId, operations }) => ({
      about: [policyId, resourceId].join(' '),
      policyId,
      operations: JSON.parse(operations ?? '[]'),
    }));
    expect(new Set(plans.map(({ about }) => about))).toEqual(
      new Set(open.map(({ policyId, resourceId }) => [policyId, resourceId].join(' '))),
    );
    for (const { operations } of plans) {
      expect(operations).toContainEqual(expect.objectContaining({ effect: 'write', result: 'planned' }));
    }
    expect(new Set(plans.map(({ policyId }) => policyId))).toEqual(new Set(scenes.map(({ policyId }) => policyId)));
  });
});
