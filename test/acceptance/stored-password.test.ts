import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { FaultEffect } from '../../local/azure/faults.ts';
import type { RawResource } from '../../local/azure/resource-store.ts';
import { createSampleSubscription, sampleId } from '../../local/azure/sample-subscription.ts';
import type { Environment } from '../../src/settings/settings.ts';
import { VAULT_ID, vaultBody, vaultSeed } from '../simulator/vault-harness.ts';
import { Boundary, mishaps } from '../support/boundary.ts';
import { ENFORCING, type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { expectGuarantees, outcomesOf, runsOf } from './c10-guarantees.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const REGISTRY = sampleId('contosoacr');
const SECRET = 'contosoacr-password2';
const HOUR = 3_600_000;

/** Everything that was logged. */
const logged: unknown[] = [];

/** An engine in which a rotation stores its password in a vault of the simulated Azure. */
async function start(
  change: Environment = {},
  properties: RawResource['properties'] = {},
  wrapContext: NonNullable<EngineHarnessOptions['wrapContext']> = (context) => context,
): Promise<void> {
  const sample = createSampleSubscription();
  logged.length = 0;
  const note = (...line: readonly unknown[]) => void logged.push(line);
  engine = await startEngine({
    environment: {
      ...ENFORCING,
      POLICY_ACR_ADMIN_USER_DISABLED: 'off',
      DOCKWARDEN_VAULT_DNS_SUFFIX: 'localhost',
      ...change,
    },
    seed: {
      ...sample,
      resourceGroups: [...sample.resourceGroups, ...vaultSeed().resourceGroups],
      resources: [...sample.resources.filter(({ id }) => id === REGISTRY), vaultBody('kv-test', properties)],
    },
    wrapContext: (context) => wrapContext({ ...context, log: { debug: note, info: note, warn: note, error: note } }),
  });
  engine.setEnvironment({ ACR_ROTATED_PASSWORD_VAULT: engine.simulator.keyVault(VAULT_ID).url, ...change });
}

/** The registry's admin user is switched on: its second password counts as old. */
function violate(): void {
  engine.simulator.as('operator').patch(REGISTRY, { properties: { adminUserEnabled: true } });
}

async function run(): Promise<void> {
  violate();
  await engine.settle();
}

function setMode(mode: string, change: Environment = {}): void {
  const vault = { ACR_ROTATED_PASSWORD_VAULT: engine.simulator.keyVault(VAULT_ID).url };
  engine.setEnvironment({ ...vault, ...change, REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: mode });
}

const secret = () => engine.simulator.keyVault(VAULT_ID).secret(SECRET);
const password = () => engine.simulator.state.passwordsOf(REGISTRY)?.['password2'];
/** By what has happened: a request that a fault answered rotated nothing. */
const rotations = () =>
  engine.simulator.events.filter(({ data }) => JSON.stringify(data).includes('/regenerateCredential/action"')).length;

/** The vault holds what the registry takes, the run that made it is on record, and nobody else has ever seen it. */
function expectStored(): void {
  expect(secret()?.value).toMatch(/^CANARY-/);
  expect(secret()?.value).toBe(password());
  const runIds = runsOf(engine).map(({ runId }) => runId);
  expect(runIds).toContain(secret()?.tags['dockwarden-run']);
  const told = [engine.tables, engine.tickets(), engine.queue, engine.ticketQueue, engine.poison, logged];
  expect(inspect(told, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity })).not.toContain(
    'CANARY-',
  );
  expectGuarantees(engine);
}

describe('a rotated password', () => {
  it('is in the vault, and nowhere else', async () => {
    await start();

    await run();

    expect(outcomesOf(engine)).toEqual(['fixed']);
    expectStored();
    expect(secret()?.versions).toHaveLength(1);
    expect(JSON.parse(runsOf(engine)[0]?.record.operations ?? '[]')).toMatchObject([
      {
        operation: 'registries.rotateAndStorePassword',
        args: [engine.simulator.keyVault(VAULT_ID).url],
        result: 'done',
      },
    ]);
  });

  it('is discarded without the setting, and then no permission on secrets is there', async () => {
    await start();
    engine.setEnvironment({ ACR_ROTATED_PASSWORD_VAULT: undefined });

    await run();

    expect(outcomesOf(engine)).toEqual(['fixed']);
    expect(secret()).toBeUndefined();
    const { roleAssignments } = engine.simulator.identity('dockwarden');
    expect(JSON.stringify(roleAssignments)).not.toContain('/secrets/');
    expectGuarantees(engine);
  });

  it('is only planned in observe, without a call to the vault', async () => {
    await start({ REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'observe' });

    await run();

    const plan = engine.audit('decision').find(({ reason }) => reason === 'mode-observe')?.operations;
    expect(JSON.parse(plan ?? '[]')).toMatchObject([
      { operation: 'registries.rotateAndStorePassword', result: 'planned' },
    ]);
    expect(engine.simulator.requests.filter(({ path }) => path.startsWith('/keyvault/'))).toEqual([]);
  });

  it('is not made while the address of the vault is malformed', async () => {
    await start({ ACR_ROTATED_PASSWORD_VAULT: 'contoso-kv' });

    await run();

    expect(rotations()).toBe(0);
    expect(engine.context().settings.modeOf('acr-rotate-second-password')).toBe('observe');
  });
});

describe('nothing is rotated', () => {
  it.each([
    ['AccessDenied', { enableRbacAuthorization: false }],
    ['ForbiddenByFirewall', { publicNetworkAccess: 'Disabled' }],
  ])('when the vault answers %s: the run ends denied and says why', async (reason, properties) => {
    await start({}, properties);

    await run();

    expect(runsOf(engine)).toMatchObject([{ outcome: 'denied', reason }]);
    expect(runsOf(engine)[0]?.record.error).toMatch(/ refuses /);
    expect(rotations()).toBe(0);
    expectGuarantees(engine);
  });

  it('for a vault that may get no token', async () => {
    await start({ ACR_ROTATED_PASSWORD_VAULT: 'https://vault.evil.example' });

    await run();

    expect(runsOf(engine)).toEqual([]);
    expect(rotations()).toBe(0);
    const { settings } = engine.context();
    expect(settings.modeOf('acr-rotate-second-password')).toBe('observe');
    expect(settings.findings).toContainEqual({
      setting: 'ACR_ROTATED_PASSWORD_VAULT',
      problem: 'invalid-value',
      message: expect.stringContaining('DOCKWARDEN_VAULT_DNS_SUFFIX'),
    });
  });

  it('until the vault answers again', async () => {
    await start();
    engine.simulator.faults.add({ path: /\/versions\?/, times: 3, effect: { kind: 'answer', status: 503 } });

    await run();

    expect(outcomesOf(engine)).toEqual(['retry', 'retry', 'retry', 'fixed']);
    expect(rotations()).toBe(1);
    expectStored();
  });
});

describe('a password that was made', () => {
  const PUT = { method: 'PUT', path: /^\/secrets\// } as const;

  it('and not stored is made again', async () => {
    await start();
    engine.simulator.faults.add({
      ...PUT,
      times: 2,
      effect: { kind: 'answer', status: 429, headers: { 'retry-after': '5' } },
    });

    await run();

    expect(outcomesOf(engine)).toEqual(['retry', 'retry', 'fixed']);
    expect(rotations()).toBe(3);
    expectStored();
  });

  it('and refused by the vault is made again when the sweep comes back to it', async () => {
    await start();
    engine.simulator.faults.add({
      ...PUT,
      effect: { kind: 'answer', status: 403, body: { error: { code: 'Forbidden' } } },
    });
    await run();
    expect(runsOf(engine)).toMatchObject([{ outcome: 'denied' }]);
    expect(runsOf(engine)[0]?.record.error).toMatch(/nobody has it, and it is renewed again/);

    engine.clock.advance(2 * HOUR);
    await runHost(engine, { sweep: true });

    expect(outcomesOf(engine)).toEqual(['denied', 'fixed']);
    expect(rotations()).toBe(2);
    expectStored();
  });

  it.each([
    ['is stored though the answer is lost', { kind: 'apply-then-drop' }, 1],
    ['may be stored, and is not', { kind: 'drop' }, 2],
  ] as const)('%s: the run looks before it repeats', async (_name, effect: FaultEffect, made) => {
    await start();
    engine.simulator.faults.add({ ...PUT, effect });

    await run();

    expect(outcomesOf(engine)).toEqual(['fixed']);
    expect(rotations()).toBe(made);
    expect(secret()?.versions).toHaveLength(1);
    expectStored();
  });

  it.each([2, 3])('is not made again once it is stored, even when the vault then fails %i times', async (times) => {
    await start();
    engine.simulator.faults.add({ ...PUT, effect: { kind: 'apply-then-drop' } });
    // The look-ups after the rotation: one before it, which is answered, and its challenge.
    engine.simulator.faults.add({ path: /\/versions\?/, skip: 2, times, effect: { kind: 'answer', status: 429 } });

    await run();

    expect(outcomesOf(engine)).toEqual([...Array.from({ length: times }, () => 'retry'), 'fixed']);
    expect(rotations()).toBe(1);
    expectStored();
  });

  /** Its answer is lost, and the fix is put off. */
  async function storeAndPutOff(change: Environment = {}): Promise<void> {
    await start(change);
    engine.simulator.faults.add({ ...PUT, effect: { kind: 'apply-then-drop' } });
    violate();
    await runHost(engine, { untilMs: 0 });
    setMode('observe', change);
    await engine.settle();
    expect(outcomesOf(engine)).toEqual(['abandoned']);
  }

  it('is not made again when the fix was put off meanwhile', async () => {
    await storeAndPutOff();
    expect(secret()?.versions).toHaveLength(1);

    setMode('enforce');
    await runHost(engine, { sweep: true });

    expect(outcomesOf(engine)).toEqual(['abandoned', 'fixed']);
    expect(rotations()).toBe(1);
    expectStored();
  });

  it('is made again when it has become too old meanwhile', async () => {
    const change = { ACR_PASSWORD_MAX_AGE_DAYS: '30' };
    await storeAndPutOff(change);
    engine.clock.advance(31 * 24 * HOUR);

    setMode('enforce', change);
    await runHost(engine, { sweep: true });

    expect(outcomesOf(engine)).toEqual(['abandoned', 'fixed']);
    expect(rotations()).toBe(2);
    expectStored();
  });

  it('is made again when somebody else has made one meanwhile', async () => {
    await storeAndPutOff();
    engine.simulator.as('operator').post(`${REGISTRY}/regenerateCredential`, { name: 'password2' });
    await engine.settle();
    expect(secret()?.value).not.toBe(password());
    engine.clock.advance(48 * HOUR);

    setMode('enforce');
    await runHost(engine, { sweep: true });

    expect(outcomesOf(engine)).toEqual(['abandoned', 'fixed']);
    expect(secret()?.versions).toHaveLength(2);
    expectStored();
  });

  it('is made again for the next time that it is due', async () => {
    await start({ ACR_PASSWORD_MAX_AGE_DAYS: '30' });
    await run();
    expect(rotations()).toBe(1);

    engine.clock.advance(31 * 24 * HOUR);
    await runHost(engine, { sweep: true });

    expect(outcomesOf(engine)).toEqual(['fixed', 'fixed']);
    expect(rotations()).toBe(2);
    expect(secret()?.versions).toHaveLength(2);
    expectStored();
  });
});

async function runOnce(boundary: Boundary): Promise<void> {
  await start({}, {}, boundary.wrapContext);
  violate();
  boundary.watch(engine.simulator);
  await runHost(engine, { sweep: false, hasDied: () => boundary.hasDied });
  engine.clock.advance(200_000);
  await runHost(engine, { sweep: true, hasDied: () => boundary.hasDied });
}

describe('a worker that dies', () => {
  it('at any step leaves a password in the vault that the registry takes', { timeout: 60_000 }, async () => {
    const learnt = new Boundary();
    await runOnce(learnt);
    const calls = [...learnt.calls];
    await engine.stop();
    expect(calls).toEqual(
      expect.arrayContaining(['azure.GET versions', 'azure.POST regenerateCredential', `azure.PUT ${SECRET}`]),
    );

    for (const mishap of mishaps) {
      for (const [index, call] of calls.entries()) {
        const boundary = new Boundary();
        boundary.arm([[index + 1, mishap]]);
        await runOnce(boundary);

        const where = `${mishap} call ${index + 1}, ${call}`;
        expect([where, outcomesOf(engine).at(-1)]).toEqual([where, 'fixed']);
        expectStored();
        // Once it was stored it was not made again.
        expect([where, secret()?.versions.length]).toEqual([where, 1]);
        await engine.stop();
      }
    }
  });
});
