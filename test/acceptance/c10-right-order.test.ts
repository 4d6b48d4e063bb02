import { afterEach, describe, expect, it } from 'vitest';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { expectGuarantees, outcomesOf } from './c10-guarantees.ts';
import {
  addRequiredTags,
  disableAdminUser,
  rotateSecondPassword,
  type Scene,
  type SceneCall,
  sceneCall,
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

function bodies(): readonly unknown[] {
  return engine.simulator.requests
    .filter(({ caller, method }) => caller === 'dockwarden' && method !== 'GET')
    .map(({ body }) => body);
}

/** The resource group, whose tags may exempt. */
function groupOf(id: string): string {
  return id.slice(0, id.indexOf('/providers/'));
}

describe('order of calls', () => {
  it('looks for exemptions and dependants, rotates both passwords, disables the admin user, and reads back', async () => {
    engine = await startScene(disableAdminUser);

    await run(disableAdminUser);

    const id = disableAdminUser.resourceId;
    const subscription = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers`;
    expect(engine.calls()).toEqual([
      `GET ${id}`,
      `GET ${groupOf(id)}`,
      `GET ${id}/providers/Microsoft.Authorization/policyExemptions`,
      `GET ${subscription}/Microsoft.ContainerInstance/containerGroups`,
      `GET ${subscription}/Microsoft.App/containerApps`,
      `POST ${id}/regenerateCredential`,
      `POST ${id}/regenerateCredential`,
      `PATCH ${id}`,
      `GET ${id}`,
    ]);
    expect(bodies()).toEqual([
      { name: 'password' },
      { name: 'password2' },
      { properties: { adminUserEnabled: false } },
    ]);
    expect(outcomesOf(engine)).toEqual(['fixed']);
    expectGuarantees(engine);
  });

  it('rotates only the second password', async () => {
    engine = await startScene(rotateSecondPassword);
    rotateSecondPassword.violate(engine);
    engine.simulator.as('operator').post(`${rotateSecondPassword.resourceId}/listCredentials`);
    const before = engine.simulator.state.passwordsOf(rotateSecondPassword.resourceId);

    await engine.settle();

    const id = rotateSecondPassword.resourceId;
    expect(engine.calls()).toEqual([`GET ${id}`, `GET ${groupOf(id)}`, `POST ${id}/regenerateCredential`, `GET ${id}`]);
    expect(bodies()).toEqual([{ name: 'password2' }]);
    const after = engine.simulator.state.passwordsOf(id);
    expect(after?.['password']).toBe(before?.['password']);
    expect(after?.['password2']).not.toBe(before?.['password2']);
    expectGuarantees(engine);
  });

  it('reads the present tags, merges the missing ones, and reads back', async () => {
    engine = await startScene(addRequiredTags);

    await run(addRequiredTags);

    const id = addRequiredTags.resourceId;
    const tags = `${id}/providers/Microsoft.Resources/tags/default`;
    expect(engine.calls()).toEqual([`GET ${id}`, `GET ${groupOf(id)}`, `GET ${tags}`, `PATCH ${tags}`, `GET ${id}`]);
    expect(bodies()).toEqual([
      { operation: 'Merge', properties: { tags: { costCenter: '4711', owner: 'platform-team' } } },
    ]);
    expectGuarantees(engine);
  });

  it('rotates nothing on a registry whose admin user was disabled a moment before', async () => {
    engine = await startScene({ ...disableAdminUser, environment: {} });

    await run(disableAdminUser);

    expect(bodies()).toHaveLength(3);
    expect(outcomesOf(engine)).toEqual(['fixed']);
    expectGuarantees(engine);
  });
});

describe('pre-flight (R40)', () => {
  it('does nothing and lists a container group and a container app that sign in with the admin user', async () => {
    engine = await startScene(disableAdminUser);
    const { simulator } = engine;
    const group = structuredClone(simulator.state.get(sampleId('legacy-batch')));
    const groupId = sampleId('legacy-batch').replace('legacy-batch', 'nightly');
    simulator.state.put({
      ...group,
      id: groupId,
      name: 'nightly',
      type: 'Microsoft.ContainerInstance/containerGroups',
      properties: {
        ...group?.properties,
        imageRegistryCredentials: [{ server: 'ContosoACR.azurecr.io', username: 'contosoacr' }],
      },
    });
    const appId = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/rg-platform-dev/providers/Microsoft.App/containerApps/shop`;
    simulator.state.put({
      id: appId,
      name: 'shop',
      type: 'Microsoft.App/containerApps',
      location: 'westeurope',
      properties: {
        configuration: {
          registries: [{ server: 'contosoacr.azurecr.io', username: 'contosoacr', passwordSecretRef: 'x' }],
        },
      },
    });

    await run(disableAdminUser);

    expect(engine.mutations()).toEqual([]);
    const [decision, ...others] = engine
      .audit('decision')
      .filter(({ policyId }) => policyId === 'acr-admin-user-disabled');
    expect(decision).toMatchObject({ decision: 'ticket', reason: 'dependants-found' });
    expect(decision?.error).toContain(groupId);
    expect(decision?.error).toContain(appId);
    expect(others).toEqual([]);
    expectGuarantees(engine);
  });

  it('finds a dependant on the second page of a list', async () => {
    engine = await startScene(disableAdminUser);
    engine.simulator.world.pageSize = 1;
    const id = sampleId('contosolegacy');
    engine.simulator.as('operator').patch(id, { tags: { touched: 'yes' } });

    await engine.settle();

    expect(engine.mutations()).toEqual([]);
    expect(engine.audit('decision')).toMatchObject([{ decision: 'ticket', reason: 'dependants-found' }]);
    expectGuarantees(engine);
  });

  for (const name of ['container groups', 'container apps']) {
    const { method, path } = sceneCall(disableAdminUser, name);

    it(`does nothing while the ${name} may not be read`, async () => {
      engine = await startScene(disableAdminUser);
      const refused = engine.simulator.faults.add({ method, path: withQuery(path), times: Infinity, effect: denied() });

      await run(disableAdminUser);

      // Once to decide, and once more for the ticket: two looks have to agree.
      expect(refused.matched).toBe(2);
      expect(engine.mutations()).toEqual([]);
      expect(engine.audit('decision')).toMatchObject([{ decision: 'ticket', reason: 'dependants-unreadable' }]);
      expectGuarantees(engine);
    });
  }
});

/** What a fault answers or does, and what must come of it when it hits once. */
interface Mishap {
  readonly name: string;
  readonly effect: (call: SceneCall) => Parameters<EngineHarness['simulator']['faults']['add']>[0]['effect'];
  /** Outcomes of the runs when it hits a write; `[retry, fixed]` = the first try ended, a second one succeeded. */
  readonly onWrite: readonly string[];
  /** Nothing but another try of the read when it hits a read. False = the read says something for good. */
  readonly passes: boolean;
}

const arm = (code: string, message = 'as told') => ({ error: { code, message } });
const HTML = '<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>';

function denied() {
  return {
    kind: 'answer',
    status: 403,
    body: arm('AuthorizationFailed', 'The client does not have authorization'),
  } as const;
}

const RETRIED = ['retry', 'fixed'];
const CONTINUED = ['fixed'];

const mishaps: readonly Mishap[] = [
  {
    name: '429 with Retry-After',
    effect: () => ({ kind: 'answer', status: 429, headers: { 'retry-after': '60' }, body: arm('TooManyRequests') }),
    onWrite: RETRIED,
    passes: true,
  },
  {
    name: '429 without Retry-After',
    effect: () => ({ kind: 'answer', status: 429, body: arm('SubscriptionRequestsThrottled') }),
    onWrite: RETRIED,
    passes: true,
  },
  {
    name: '409 of a busy resource',
    effect: () => ({ kind: 'answer', status: 409, body: arm('AnotherOperationInProgress') }),
    onWrite: RETRIED,
    passes: true,
  },
  {
    name: '409 of a busy cluster, unwrapped',
    effect: () => ({
      kind: 'answer',
      status: 409,
      body: { code: 'OperationNotAllowed', details: null, message: 'in progress', subcode: '' },
    }),
    onWrite: RETRIED,
    passes: true,
  },
  {
    name: '412',
    effect: () => ({ kind: 'answer', status: 412, body: arm('PreconditionFailed') }),
    onWrite: RETRIED,
    passes: true,
  },
  { name: '408 without a body', effect: () => ({ kind: 'answer', status: 408 }), onWrite: RETRIED, passes: true },
  {
    name: '401 of an expired token',
    effect: () => ({ kind: 'answer', status: 401, body: arm('ExpiredAuthenticationToken') }),
    onWrite: RETRIED,
    passes: true,
  },
  {
    name: '500',
    effect: () => ({ kind: 'answer', status: 500, body: arm('InternalServerError') }),
    onWrite: CONTINUED,
    passes: true,
  },
  {
    name: 'an HTML page with 502',
    effect: () => ({ kind: 'answer', status: 502, body: HTML }),
    onWrite: CONTINUED,
    passes: true,
  },
  { name: '503 without a body', effect: () => ({ kind: 'answer', status: 503 }), onWrite: CONTINUED, passes: true },
  { name: 'a dropped connection', effect: () => ({ kind: 'drop' }), onWrite: CONTINUED, passes: true },
  { name: 'a lost answer', effect: () => ({ kind: 'apply-then-drop' }), onWrite: CONTINUED, passes: true },
  { name: 'an answer cut in half', effect: () => ({ kind: 'cut-json' }), onWrite: CONTINUED, passes: true },
  { name: 'a claims challenge', effect: () => ({ kind: 'claims-challenge' }), onWrite: CONTINUED, passes: true },
];

/** Faults are tested against path and query. */
function withQuery(path: RegExp): RegExp {
  return new RegExp(`${path.source.replace(/\$$/, '')}(\\?|$)`, path.flags);
}

for (const scene of scenes) {
  describe(`${scene.remediationId} meets`, () => {
    for (const mishap of mishaps) {
      for (const call of scene.calls) {
        it(`${mishap.name} at: ${call.name}`, async () => {
          engine = await startScene(scene);
          const { method, path, skip } = call;
          const fault = engine.simulator.faults.add({
            method,
            path: withQuery(path),
            caller: 'dockwarden',
            skip,
            effect: mishap.effect(call),
          });

          await run(scene);

          expect(fault.matched).toBe(1);
          const expected =
            call.kind === 'write' ? mishap.onWrite : call.kind === 'fix-read' ? readInFix(mishap) : CONTINUED;
          expect(outcomesOf(engine)).toEqual(expected);
          expect(scene.isFixed(engine)).toBe(true);
          expect(engine.findings()).toContainEqual(
            expect.objectContaining({ policyId: scene.policyId, status: 'closed', lastOutcome: 'fixed' }),
          );
          expectGuarantees(engine);
        });
      }
    }
  });
}

/** A read between intent and first write that fails in passing ends the run, because nothing was applied. */
function readInFix({ name }: Mishap): readonly string[] {
  return name === 'a claims challenge' ? CONTINUED : RETRIED;
}
