import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { regeneratePassword } from '../../src/azure/container-registry.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { causeColumns } from '../../src/engine/audit-rows.ts';
import { AzureCalls } from '../../src/engine/azure-calls.ts';
import { recordConfigurationFindings } from '../../src/engine/configuration.ts';
import { keepPoison } from '../../src/engine/poison.ts';
import { evaluatePolicy, parseResource, type Snapshot } from '../../src/engine/snapshot.ts';
import { isDue, sweepResources } from '../../src/engine/sweep.ts';
import { violationOf } from '../../src/engine/violation.ts';
import { DockwardenError } from '../../src/errors.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { expectSettled } from '../support/audit-invariants.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { findAdminPolicy } from './catalogue-entries.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const ACR = sampleId('contosoacr');
const target = parseResourceId(ACR);
const ADMIN_ON = { properties: { adminUserEnabled: true } };

function raiseEvent(): unknown {
  engine.simulator.as('operator').patch(ACR, ADMIN_ON);
  return engine.events.splice(0)[0];
}

describe('taking in events', () => {
  it('takes in the others when one cannot be stored, and fails so that all come again', async () => {
    let calls = 0;
    engine = await startEngine({
      wrapContext: (context) => ({
        ...context,
        work: {
          ...context.work,
          async get(resource) {
            calls += 1;
            if (calls === 1) throw new RangeError('a defect');
            return await context.work.get(resource);
          },
        },
      }),
    });
    const first = raiseEvent();
    engine.simulator.as('operator').patch(sampleId('aks-prod'), { tags: {} });
    const message = [first, ...engine.events.splice(0)];

    await expect(acceptEvents(engine.context(), message)).rejects.toThrow('a defect');
    expect(engine.work().map(({ resourceId }) => resourceId)).toEqual([sampleId('aks-prod')]);
    await acceptEvents(engine.context(), message);

    expect(engine.work()).toHaveLength(2);
  });

  it('fails with an error of ours when something else than an error was thrown', async () => {
    engine = await startEngine({
      wrapContext: (context) => ({
        ...context,
        work: { ...context.work, get: async () => await Promise.reject('text') },
      }),
    });

    await expect(acceptEvents(engine.context(), raiseEvent())).rejects.toMatchObject({ code: 'INTERNAL_INVARIANT' });
  });

  it('gives the message back when the row is written by others all the time', async () => {
    engine = await startEngine({
      wrapContext: (context) => ({
        ...context,
        work: { ...context.work, insert: async () => await Promise.resolve(undefined) },
      }),
    });

    await expect(acceptEvents(engine.context(), raiseEvent())).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('counts what became of each event', async () => {
    engine = await startEngine();
    const event = raiseEvent();

    const accepted = await acceptEvents(engine.context(), [event, { hello: 'world' }, event]);

    expect(accepted).toEqual({ marked: 2, ignored: 0, invalid: 1 });
    expect(engine.audit()).toMatchObject([{ stage: 'input', reason: 'unknown-envelope' }]);
  });
});

describe('a message that was given up', () => {
  it.each([
    ['text', 'not json at all', undefined],
    ['an object with a resource', { version: 1, resourceId: ACR }, 'contosoacr'],
    ['an object with an id that cannot be read', { resourceId: '/../x' }, undefined],
    ['an object whose id is no text', { resourceId: { toString: 1 } }, undefined],
    ['nothing', undefined, undefined],
  ])('is kept, and its row names the resource where there is one: %s', async (_name, message, resourceName) => {
    engine = await startEngine();

    const blob = await keepPoison(engine.context(), 'work', message, 'every delivery failed');

    const body = typeof message === 'string' ? message : (JSON.stringify(message) ?? '');
    expect(engine.poison).toEqual([{ name: blob, body }]);
    expect(engine.audit()).toMatchObject([
      { stage: 'input', reason: 'poison', causeId: `poison/${blob}`, error: 'every delivery failed' },
    ]);
    expect(engine.audit()[0]?.resourceName).toBe(resourceName);
  });

  it('has the same name each time', async () => {
    engine = await startEngine();

    const names = [
      await keepPoison(engine.context(), 'work', 'a', 'x'),
      await keepPoison(engine.context(), 'work', 'a', 'y'),
    ];

    expect(new Set(names).size).toBe(1);
  });
});

describe('configuration findings', () => {
  it('are recorded once a day for each state of the settings, whoever records them', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, DOCKWARDEN_MODE: 'enforced', 'REMEDIATE_X/#': 'on' } });
    const record = async () => await recordConfigurationFindings(engine.context());

    await record();
    await record();
    const first = engine.audit('configuration');
    engine.clock.advance(86_400_000);
    await record();

    expect(new Set(first.map(({ causeId }) => causeId))).toEqual(new Set(['DOCKWARDEN_MODE', 'REMEDIATE_X/#']));
    expect(engine.audit('configuration')).toHaveLength(4);
    for (const row of first)
      expect(row).toMatchObject({ error: expect.stringMatching(/./), reason: expect.stringMatching(/^[a-z-]+$/) });
  });
});

describe('a setting with the name of an earlier version', () => {
  it('is on record as others are, but no warning in the log', async () => {
    const logged: string[] = [];
    engine = await startEngine({
      wrapContext: (context) => {
        const former = { setting: 'OLD', problem: 'former-name', message: 'OLD is called NEW now.' } as const;
        const wrong = { setting: 'OTHER', problem: 'invalid-value', message: 'OTHER is not valid.' } as const;
        return {
          ...context,
          settings: { ...context.settings, findings: [former, wrong] },
          log: {
            ...context.log,
            info: (_message, details) => logged.push(`info ${String(details?.['setting'])}`),
            warn: (_message, details) => logged.push(`warn ${String(details?.['setting'])}`),
          },
        };
      },
    });

    await recordConfigurationFindings(engine.context());

    expect(logged).toEqual(['info OLD', 'warn OTHER']);
    expect(engine.audit('configuration')).toMatchObject([{ reason: 'former-name' }, { reason: 'invalid-value' }]);
  });
});

describe('a sweep', () => {
  const policy = findAdminPolicy();
  const violation = { verdict: 'violation', evidence: { adminUserEnabled: true } } as const;

  it('without scopes asks nobody', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, SCOPES: '' } });

    expect(await sweepResources(engine.context())).toMatchObject({ complete: true, resources: 0, queued: 0 });
    expect(engine.calls()).toEqual([]);
  });

  it('goes on past rows without a usable id', async () => {
    engine = await startEngine();
    const data = [
      { id: 5 },
      { name: 'no id' },
      { id: '/subscriptions/x/../y' },
      { ...ADMIN_ON, id: ACR, name: 'contosoacr' },
      // A resource that moves while the pages are read comes twice.
      { id: ACR.toUpperCase(), name: 'contosoacr', properties: { adminUserEnabled: false } },
    ];
    engine.simulator.faults.add({
      method: 'POST',
      path: /ResourceGraph/i,
      effect: {
        kind: 'answer',
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: { totalRecords: 5, count: 5, resultTruncated: 'false', data, facets: [] },
      },
    });

    const record = await sweepResources(engine.context());

    expect(record).toMatchObject({ complete: true, resources: 1, queued: 1 });
    const fleets = engine.tables.guards.rows.map(({ columns }) => columns['fleet']);
    expect(fleets.filter((fleet) => fleet !== undefined)).toEqual([1, 1, 1, 1]);
  });

  it('goes on past stored rows that somebody has damaged', async () => {
    engine = await startEngine();
    await sweepResources(engine.context());
    await engine.settle();
    const [row] = engine.tables.findings.rows;
    if (row === undefined) throw new Error('no finding');
    await engine.tables.findings.putAll(row.partitionKey, [
      { rowKey: row.rowKey, columns: { ...row.columns, status: 'odd' } },
    ]);

    expect(await sweepResources(engine.context())).toMatchObject({ complete: true });
  });

  it('queues work whose message was lost, and not work whose message is still to come', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, SCOPES: '' } });
    await acceptEvents(engine.context(), raiseEvent());
    engine.queue.length = 0;

    expect(await sweepResources(engine.context())).toMatchObject({ queued: 0 });
    engine.clock.advance(15 * 60_000);
    expect(await sweepResources(engine.context())).toMatchObject({ queued: 1 });

    await runHost(engine);
    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'fixed' }]);
    expectSettled(engine);
  });

  it('fails with storage, so that the timer runs again', async () => {
    const failure = new DockwardenError('STORAGE_UNAVAILABLE', 'no answer');
    engine = await startEngine({
      wrapContext: (context) => ({ ...context, queue: { send: async () => await Promise.reject(failure) } }),
    });

    await expect(sweepResources(engine.context())).rejects.toThrow('no answer');
  });

  it('judges all others when one resource brings a defect of ours to light', async () => {
    engine = await startEngine({
      wrapContext: (context) => ({
        ...context,
        policies: context.policies.map((other) => ({
          ...other,
          evaluate(resource, facts) {
            if (resource.id.endsWith('/contosobuild')) throw new TypeError('a defect');
            return other.evaluate(resource, facts);
          },
        })),
      }),
    });

    expect(await sweepResources(engine.context())).toMatchObject({ complete: true, resources: 11, queued: 4 });
  });

  it.each([
    ['a violation that nobody knows of', violation, undefined, true],
    ['compliance that nobody ever doubted', { verdict: 'compliant' } as const, undefined, false],
    [
      'what cannot be judged, as before',
      { verdict: 'unknown', missing: 'x' } as const,
      { verdict: 'unknown' as const },
      false,
    ],
    ['what can no longer be judged', { verdict: 'unknown', missing: 'x' } as const, {}, true],
    ['an open finding that seems to be over', { verdict: 'compliant' } as const, {}, true],
    ['a closed finding that is back', violation, { status: 'closed' as const }, true],
    ['the same under another mode', violation, { mode: 'observe' }, true],
    ['the same with other evidence', violation, { evidence: '{}' }, true],
    ['the same under other settings', violation, { configHash: 'other', decision: 'observe' as const }, true],
    ['the same that is only observed', violation, { decision: 'observe' as const }, false],
    ['the same that waits for a person', violation, { decision: 'await-approval' as const }, false],
    ['a failure whose time has not come', violation, { notBefore: '2026-11-23T11:00:00.000Z' }, false],
    ['a failure whose time has come', violation, { notBefore: '2026-11-23T10:00:00.000Z' }, true],
    ['a dependant that may be gone', violation, { decision: 'ticket' as const }, true],
  ])('looks again only where that may change something: %s', async (_name, verdict, change, due) => {
    engine = await startEngine();
    const finding = change && {
      resourceId: ACR,
      subscriptionId: target.subscriptionId,
      policyId: policy.id,
      severity: policy.severity,
      status: 'open' as const,
      verdict: 'violation' as const,
      evidence: JSON.stringify(violation.evidence),
      since: '2026-11-23T09:00:00.000Z',
      updated: '2026-11-23T09:00:00.000Z',
      mode: 'enforce',
      decision: 'fix' as const,
      attempts: 0,
      configHash: engine.context().settings.hash,
      ...change,
    };

    expect(isDue(engine.context(), policy, finding, verdict)).toBe(due);
  });

  it('does not look again at a known violation that nothing fixes', async () => {
    engine = await startEngine({ wrapContext: (context) => ({ ...context, remediations: [] }) });
    await sweepResources(engine.context());
    await engine.settle();
    engine.setEnvironment({ WAR_REVERTS: '5' });

    expect(await sweepResources(engine.context())).toMatchObject({ queued: 0 });
  });
});

describe('what the engine hands to policies and remediations', () => {
  const raw = { id: ACR, name: 'contosoacr', properties: {} };

  it('a related resource that was not read makes the policy unknown', async () => {
    engine = await startEngine();
    const snapshot: Snapshot = { raw, resource: undefined, related: {}, readAt: new Date() };
    const policy = { ...findAdminPolicy(), needs: ['agentPools'] as const };
    const facts = { now: new Date(), settings: engine.context().settings, finding: undefined };

    expect(evaluatePolicy(policy, snapshot, facts)).toMatchObject({ verdict: 'unknown', missing: 'id and name' });
    const { resource } = readable(snapshot);
    expect(evaluatePolicy(policy, { ...snapshot, resource }, facts)).toEqual({
      verdict: 'unknown',
      missing: 'related agentPools',
    });
  });

  it('what is no violation of a readable resource is never fixed', async () => {
    engine = await startEngine();
    const context = engine.context();
    const subject = { target, policy: findAdminPolicy() };
    const snapshot: Snapshot = { raw, resource: undefined, related: {}, readAt: new Date() };
    const violation = { verdict: 'violation', evidence: {} } as const;

    expect(() => violationOf(context, subject, snapshot, violation)).toThrow(/only a violation of a readable resource/);
    expect(() => violationOf(context, subject, readable(snapshot), { verdict: 'compliant' })).toThrow(
      /only a violation/,
    );
    expect(violationOf(context, subject, readable(snapshot), violation)).toMatchObject({ target, evidence: {} });
  });

  it("the writer's name goes into the audit only when it was kept", () => {
    const cause = { kind: 'event', id: 'e', time: 't', queuedAt: 'q', actor: { id: 'i', name: 'Somebody' } } as const;

    expect(causeColumns(cause)).toMatchObject({ actor: 'i', actorName: 'Somebody' });
    expect(causeColumns({ ...cause, actor: { id: 'i' } })).not.toHaveProperty('actorName');
  });
});

/** The same snapshot with a body that can be read as its type. */
function readable(snapshot: Snapshot): Snapshot {
  return { ...snapshot, resource: parseResource(target.type, snapshot.raw) };
}

describe('operations bound for a fix', () => {
  const uses = { regeneratePassword };

  it('record what was done, refused or lost, without the target', async () => {
    engine = await startEngine();
    engine.simulator.state.patch(ACR, ADMIN_ON);
    const calls = new AzureCalls(engine.context(), target);
    const { regeneratePassword: rotate } = calls.bind(uses, { writes: 'send' });
    const { faults } = engine.simulator;

    await rotate(target, 'password2');
    faults.add({
      method: 'POST',
      effect: { kind: 'answer', status: 409, body: { error: { code: 'Busy', message: 'x' } } },
    });
    await expect(rotate(target, 'password2')).rejects.toMatchObject({ code: 'AZURE_BUSY' });
    faults.add({ method: 'POST', effect: { kind: 'apply-then-drop' } });
    await expect(rotate(target, 'password2')).rejects.toMatchObject({ code: 'AZURE_UNKNOWN_RESULT' });

    expect(calls.takeOperations()).toEqual(
      ['done', 'failed', 'unknown'].map((result) => ({
        operation: 'registries.regenerateCredential',
        effect: 'write',
        args: ['password2'],
        result,
      })),
    );
    expect(calls.takeOperations()).toEqual([]);
    expect(calls.takeRequestIds().length).toBeGreaterThan(0);
    expect(calls.takeRequestIds()).toEqual([]);
  });

  it('send nothing for a plan', async () => {
    engine = await startEngine();
    const calls = new AzureCalls(engine.context(), target);
    const { regeneratePassword: rotate } = calls.bind(uses, { writes: 'plan' });

    await rotate(target, 'password2');

    expect(calls.takeOperations()).toMatchObject([{ result: 'planned', args: ['password2'] }]);
    expect(engine.calls()).toEqual([]);
  });

  it('are not sent when the worker may not act any more', async () => {
    engine = await startEngine();
    const calls = new AzureCalls(engine.context(), target);
    const { regeneratePassword: rotate } = calls.bind(uses, {
      writes: 'send',
      beforeWrite: async () => await Promise.reject(new Error('lost')),
    });

    await expect(rotate(target, 'password2')).rejects.toThrow('lost');
    expect(engine.calls()).toEqual([]);
    expect(calls.takeOperations()).toEqual([]);
  });

  it('are not repeated when an earlier worker has done them, in the same order with the same arguments', async () => {
    engine = await startEngine();
    engine.simulator.state.patch(ACR, ADMIN_ON);
    const calls = new AzureCalls(engine.context(), target);
    const done = {
      operation: 'registries.regenerateCredential',
      effect: 'write',
      args: ['password'],
      result: 'done',
    } as const;
    const { regeneratePassword: rotate } = calls.bind(uses, { writes: 'send', earlier: [done] });

    await rotate(target, 'password2');
    await rotate(target, 'password');
    await rotate(target, 'password');

    expect(engine.mutations()).toHaveLength(2);
    // What the earlier worker did is in the run's record already.
    expect(calls.takeOperations().map(({ args }) => args)).toEqual([['password2'], ['password']]);
  });
});
