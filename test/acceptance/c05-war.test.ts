import { afterEach, describe, expect, it } from 'vitest';
import type { ResourceEvent } from '../../local/azure/events.ts';
import { AZURE_CLI_CLIENT_ID } from '../../local/azure/identities.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { ALICE, ask, DAY, findingOf, HOUR, seedOf } from './operator-requests.ts';
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

const MINUTE = 60_000;
const ACR = disableAdminUser.resourceId;
const ADMIN_ON = { properties: { adminUserEnabled: true } };

async function start(environment: Readonly<Record<string, string>> = {}, scene: Scene = disableAdminUser) {
  engine = await startScene(scene, { seed: seedOf(scene) });
  engine.setEnvironment(environment);
}

/** Somebody breaks the registry again a minute after the last thing that happened, and whatever is due at once follows. */
async function breakAs(writer: string, after = MINUTE): Promise<void> {
  engine.clock.advance(after);
  engine.simulator.as(writer).patch(ACR, ADMIN_ON);
  await runHost(engine, { untilMs: 1000 });
}

async function breakTimes(times: number, writer = 'operator'): Promise<void> {
  for (let time = 0; time < times; time += 1) await breakAs(writer);
}

/** The same without an event: only a sweep can see it. */
async function breakUnseen(): Promise<void> {
  engine.clock.advance(MINUTE);
  engine.simulator.state.patch(ACR, ADMIN_ON);
  await sweep();
}

async function sweep(): Promise<void> {
  await sweepResources(engine.context());
  await runHost(engine, { untilMs: 1000 });
}

function fixes(): number {
  return engine.audit('outcome').filter(({ outcome }) => outcome === 'fixed').length;
}

function quarantines() {
  return engine
    .audit('decision')
    .filter(({ decision }) => decision === 'quarantine')
    .toSorted((a, b) => a.time.localeCompare(b.time));
}

const isOpen = () => engine.simulator.state.get(ACR)?.properties?.['adminUserEnabled'] === true;
const finding = () => findingOf(engine, disableAdminUser);

function expectInvariants(): void {
  expectRecordedMutations(engine);
  const ended = engine.audit('outcome').map(({ remediationRunId }) => remediationRunId);
  for (const { remediationRunId } of engine.audit('intent')) expect(ended).toContain(remediationRunId);
}

/** What a principal and its ten reversals lead to. */
interface Story {
  readonly fixes: number;
  readonly decisions: readonly (readonly [string | undefined, string | undefined])[];
  readonly reverts: number | undefined;
  readonly quarantines: number | undefined;
}

function story(): Story {
  return {
    fixes: fixes(),
    decisions: engine.audit('decision').map(({ decision, reason }) => [decision, reason]),
    reverts: finding()?.reverts?.length,
    quarantines: finding()?.quarantines,
  };
}

describe('R28: a principal that reverses the fix ten times', () => {
  it('sees three fixes, and then one quarantine that says who, through what, and what to put right', async () => {
    await start();
    const { objectId } = engine.simulator.identity('operator');

    await breakTimes(1 + 10);

    expect(fixes()).toBe(3);
    expect(isOpen()).toBe(true);
    const [row, ...more] = quarantines();
    expect(more).toEqual([]);
    const until = '2026-11-23T11:04:00.000Z';
    const reversals = engine.simulator.events.filter((event) => !isOwn(event)).slice(1, 4);
    const ids = reversals.map(({ data: { ['correlationId']: id } }) => (typeof id === 'string' ? id : ''));
    expect(row).toMatchObject({
      decision: 'quarantine',
      reason: 'war-with-writer',
      policyId: disableAdminUser.policyId,
      actor: objectId,
      actorApplication: AZURE_CLI_CLIENT_ID,
      correlationId: ids.at(-1),
    });
    expect(row?.error).toBe(
      [
        `fixes were reversed 3 times, last changed by ${objectId} through application ${AZURE_CLI_CLIENT_ID}`,
        `correlation ids ${ids.join(', ')}`,
        'set /properties/adminUserEnabled right at the source',
        `left alone until ${until}`,
      ].join('; '),
    );
    expect(finding()).toMatchObject({ decision: 'quarantine', quarantinedUntil: until, quarantines: 1 });
    expectInvariants();
  });

  it('meets the same with one process for everything as with a fresh one for each event', async () => {
    await start();
    await breakTimes(1 + 10);
    const cold = story();
    await engine.stop();

    await start();
    const warm = engine.context();
    for (let time = 0; time < 1 + 10; time += 1) {
      engine.clock.advance(MINUTE);
      engine.simulator.as('operator').patch(ACR, ADMIN_ON);
      await workWarm(warm);
    }

    expect(story()).toEqual(cold);
    expect(cold).toEqual({ fixes: 3, decisions: [['quarantine', 'war-with-writer']], reverts: 3, quarantines: 1 });
  });

  it('meets it after as many reversals as WAR_REVERTS says', async () => {
    await start({ WAR_REVERTS: '1' });

    await breakTimes(5);

    expect(fixes()).toBe(1);
    expect(quarantines()).toHaveLength(1);
  });

  it('is left in peace when its reversals are further apart than WAR_WINDOW', async () => {
    await start({ WAR_WINDOW: '1h' });

    for (let time = 0; time < 6; time += 1) await breakAs('operator', 61 * MINUTE);

    expect(fixes()).toBe(6);
    expect(quarantines()).toEqual([]);
    expect(finding()).not.toHaveProperty('reverts');
  });
});

/** One context for events and messages alike, as a process that lives on has it. */
async function workWarm(context: EngineContext): Promise<void> {
  while (engine.events.length > 0 || isDue()) {
    for (const event of engine.events.splice(0)) await acceptEvents(context, event);
    for (const { text } of isDue() ? engine.queue.splice(0, 1) : [])
      await reconcile(context, parseWorkMessage(text), context.newRunId(context.clock.now()));
  }
}

function isDue(): boolean {
  const [message] = engine.queue;
  return message !== undefined && message.dueAt <= engine.clock.now().getTime();
}

function isOwn({ data }: ResourceEvent): boolean {
  return JSON.stringify(data['claims']).includes(engine.simulator.identity('dockwarden').objectId);
}

describe('a quarantine', () => {
  it('lasts 1, 4, 24 and again 24 hours, with one fix in between each time', async () => {
    await start();
    await breakTimes(4);
    const lengths: number[] = [];

    for (let round = 0; round < 4; round += 1) {
      const { quarantinedUntil = '', reverts = [] } = finding() ?? {};
      lengths.push((Date.parse(quarantinedUntil) - Date.parse(reverts.at(-1)?.at ?? '')) / HOUR);
      // Nothing happens until then, and a moment later the next look is due.
      await runHost(engine, { untilMs: Date.parse(quarantinedUntil) - engine.clock.now().getTime() - 1000 });
      expect(fixes()).toBe(3 + round);
      await runHost(engine, { untilMs: 2000 });
      expect(fixes()).toBe(3 + round + 1);
      await breakAs('operator');
    }

    expect(lengths).toEqual([1, 4, 24, 24]);
    expect(quarantines().map(({ reason }) => reason)).toEqual(Array.from({ length: 5 }, () => 'war-with-writer'));
    expectInvariants();
  });

  it('is forgotten when it was followed by a window of peace', async () => {
    await start();
    await breakTimes(4);
    await runHost(engine, { untilMs: 2 * HOUR });
    expect(fixes()).toBe(4);

    await breakAs('operator', 25 * HOUR);
    await breakTimes(1);

    expect(fixes()).toBe(6);
    expect(quarantines()).toHaveLength(1);
    // The first was too long after the fix; only the second reverses one.
    expect(finding()?.reverts).toHaveLength(1);
    expect(finding()).not.toHaveProperty('quarantines');
  });

  it('is respected by sweeps and events alike', async () => {
    await start();
    await breakTimes(4);
    const mutations = engine.mutations().length;

    for (let time = 0; time < 3; time += 1) {
      engine.clock.advance(10 * MINUTE);
      // Its ticket is kept up to date.
      expect(await sweepResources(engine.context())).toMatchObject({ queued: 1 });
      await runHost(engine, { untilMs: 1000 });
    }
    expect(engine.mutations()).toHaveLength(mutations);
    expect(engine.tickets()).toMatchObject([{ state: 'open', reason: 'war-with-writer' }]);
    await breakTimes(3);

    expect(fixes()).toBe(3);
    expect(quarantines()).toHaveLength(1);
  });

  it('ends when the settings allow more only with its time, and holds when they allow less', async () => {
    await start();
    await breakTimes(4);

    engine.setEnvironment({ WAR_REVERTS: '20', WAR_REVERTS_TOTAL: '20' });
    await breakTimes(1);
    await sweep();
    expect(fixes()).toBe(3);
    await runHost(engine, { untilMs: HOUR });

    expect(fixes()).toBe(4);
    await breakTimes(3);
    expect(fixes()).toBe(7);
  });

  it('does not keep the finding open when somebody puts the resource right', async () => {
    await start();
    await breakTimes(4);

    engine.simulator.as('operator').patch(ACR, { properties: { adminUserEnabled: false } });
    await runHost(engine, { untilMs: 1000 });

    expect(finding()).toMatchObject({ status: 'closed', closedBecause: 'compliant', quarantines: 1 });
    expect(fixes()).toBe(3);
  });
});

describe('whoever reverses', () => {
  it('counts for itself: two principals with two reversals each are no war', async () => {
    await start();
    await breakTimes(1);

    for (const writer of ['operator', 'automation', 'operator', 'automation']) await breakAs(writer);

    expect(fixes()).toBe(5);
    expect(quarantines()).toEqual([]);
  });

  it('counts for itself with each application that it uses', async () => {
    await start();
    await breakTimes(1);

    for (const application of ['a', 'b', 'a', 'b'] as const) await breakThrough(application);
    expect(fixes()).toBe(5);
    await breakThrough('a');

    expect(fixes()).toBe(5);
    expect(quarantines()).toMatchObject([{ reason: 'war-with-writer' }]);
    expect(quarantines()[0]?.error).toContain('reversed 3 times');
    expect(quarantines()[0]?.error).toContain(`through application ${applicationId('a')}`);
  });

  it('counts together with all others up to WAR_REVERTS_TOTAL', async () => {
    await start({ WAR_REVERTS: '5' });
    await breakTimes(1);

    for (let pair = 0; pair < 4; pair += 1) for (const writer of ['operator', 'automation']) await breakAs(writer);

    expect(fixes()).toBe(6);
    expect(quarantines()).toMatchObject([{ reason: 'war-with-many' }]);
    const { objectId } = engine.simulator.identity('automation');
    expect(quarantines()[0]?.error).toContain(
      `reversed 6 times, last changed by 2 writers, the last of them ${objectId}`,
    );
  });

  it('without an event is somebody unknown, and counts all the same', async () => {
    await start();
    engine.simulator.state.patch(ACR, ADMIN_ON);
    await sweep();

    for (let time = 0; time < 10; time += 1) await breakUnseen();

    expect(fixes()).toBe(3);
    expect(quarantines()).toMatchObject([{ reason: 'war-with-writer', causeKind: 'sweep' }]);
    expect(quarantines()[0]?.error).toContain('last changed by somebody unknown');
    expect(quarantines()[0]?.error).not.toContain('correlation');
    const unknown = { at: expect.stringMatching(/Z$/), runId: expect.stringMatching(/^[0-9A-Z]{26}$/) };
    expect(finding()?.reverts).toEqual([unknown, unknown, unknown]);
  });

  it('before the fix was read back counts, too', async () => {
    await start();
    let isPatched = false;
    const { faults } = engine.simulator;
    const ours = { path: /\/registries\/\w+\?/, caller: 'dockwarden', times: Infinity } as const;
    const notePatch = () => {
      isPatched = true;
    };
    const reverse = () => {
      if (!isPatched) return;
      isPatched = false;
      engine.clock.advance(1000);
      engine.simulator.as('operator').patch(ACR, ADMIN_ON);
    };
    faults.add({ ...ours, method: 'PATCH', effect: { kind: 'after', run: notePatch } });
    faults.add({ ...ours, method: 'GET', effect: { kind: 'before', run: reverse } });
    engine.simulator.as('operator').patch(ACR, ADMIN_ON);

    await runHost(engine, { untilMs: HOUR / 2 });

    expect(engine.audit('outcome').map(({ outcome, reason }) => [outcome, reason])).toEqual(
      Array.from({ length: 3 }, () => ['retry', 'changed-again']),
    );
    expect(quarantines()).toMatchObject([{ reason: 'war-with-writer' }]);
    expect(quarantines()[0]?.error).toContain(`last changed by ${engine.simulator.identity('operator').objectId}`);
    expectInvariants();
  });

  it('is not ourselves: our own changes come back as events and count for nothing (R29)', async () => {
    await start();

    await breakTimes(3);

    expect(engine.simulator.events.filter(isOwn)).toHaveLength(9);
    expect(engine.events).toEqual([]);
    expect(fixes()).toBe(3);
    expect(engine.mutations()).toHaveLength(9);
    expect(finding()?.reverts?.map(({ actor }) => actor)).toEqual(
      Array.from({ length: 2 }, () => engine.simulator.identity('operator').objectId),
    );
  });

  it('is nobody when the fix did not hold by itself, or never was made', async () => {
    await start();
    engine.simulator.faults.add({
      method: 'PATCH',
      path: /\/registries\//,
      caller: 'dockwarden',
      times: Infinity,
      effect: { kind: 'ignore-write' },
    });
    engine.simulator.as('operator').patch(ACR, ADMIN_ON);

    for (let time = 0; time < 6; time += 1) {
      await runHost(engine);
      engine.clock.advance(25 * HOUR);
      await sweep();
    }
    await runHost(engine);

    expect(engine.audit('outcome')).toHaveLength(1 + 6);
    expect(new Set(engine.audit('outcome').map(({ outcome }) => outcome))).toEqual(new Set(['not-effective']));
    expect(quarantines()).toEqual([]);
    expect(finding()).not.toHaveProperty('reverts');
  });

  it('reverses a fix once: what happens to a resource that was not fixed again reverses nothing', async () => {
    await start();
    await breakTimes(1);
    engine.setEnvironment({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' });
    for (let time = 0; time < 4; time += 1) {
      await breakTimes(1);
      engine.simulator.as('operator').patch(ACR, { properties: { adminUserEnabled: false } });
      await runHost(engine, { untilMs: 1000 });
    }

    engine.setEnvironment({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce' });
    await breakTimes(1);

    expect(finding()?.reverts).toHaveLength(1);
    expect(fixes()).toBe(2);
    expect(quarantines()).toEqual([]);
  });

  it('is nobody when only time has passed: a password that is old again was not reversed', async () => {
    await start({ ACR_PASSWORD_MAX_AGE_DAYS: '7', WAR_WINDOW: '30d' }, rotateSecondPassword);
    rotateSecondPassword.violate(engine);
    await runHost(engine);

    for (let day = 0; day < 40; day += 1) {
      engine.clock.advance(DAY);
      await sweep();
    }

    // Every eight days.
    expect(fixes()).toBeGreaterThanOrEqual(5);
    expect(quarantines()).toEqual([]);
  });

  it('is no Azure Policy: a fix that one denies is refused, not reversed', async () => {
    await start();
    let isAsked = false;
    const policy = { name: 'deny', id: '/assignments/deny', definitionName: 'deny', definitionId: '/definitions/deny' };
    engine.simulator.policyDenies.push({ policy, denies: ({ method }) => method === 'PATCH' && isAsked });
    for (let time = 0; time < 6; time += 1) {
      isAsked = false;
      engine.clock.advance(HOUR);
      engine.simulator.as('operator').patch(ACR, ADMIN_ON);
      isAsked = true;
      await runHost(engine, { untilMs: 1000 });
    }

    const all = engine.audit('outcome').map(({ outcome }) => outcome);
    expect(all).toHaveLength(6);
    expect(new Set(all)).toEqual(new Set(['denied-by-policy']));
    expect(quarantines()).toEqual([]);
    expect(finding()).not.toHaveProperty('reverts');
  });
});

/** Two applications of the same person. */
function applicationId(which: 'a' | 'b'): string {
  return `cccccccc-0000-4000-8000-00000000000${which}`;
}

/** The operator's write, with an event that names another application. */
async function breakThrough(which: 'a' | 'b'): Promise<void> {
  engine.clock.advance(MINUTE);
  engine.simulator.as('operator').patch(ACR, ADMIN_ON);
  for (const event of engine.events.splice(0)) {
    const claims = { ...Object(event.data['claims']), appid: applicationId(which) };
    await acceptEvents(engine.context(), { ...event, data: { ...event.data, claims } });
  }
  await runHost(engine, { untilMs: 1000 });
}

describe('an operator who releases a quarantine', () => {
  const { policyId } = disableAdminUser;
  const release = async () => await ask(engine, 'release', { resourceId: ACR, policyId, reason: 'pipeline corrected' });

  it('is on record twice, when asked and when done, and the fix follows', async () => {
    await start();
    await breakTimes(4);
    engine.clock.advance(MINUTE);

    expect(await release()).toMatchObject({ result: 'accepted' });
    engine.clock.advance(MINUTE);
    await runHost(engine, { untilMs: 1000 });

    expect(fixes()).toBe(4);
    const rows = engine.audit('operator').toSorted((a, b) => a.time.localeCompare(b.time));
    expect(rows.map(({ reason, actor, policyId: about }) => [reason, actor, about])).toEqual([
      ['release-asked', ALICE.id, policyId],
      ['quarantine-released', ALICE.id, policyId],
    ]);
    expect(rows[0]?.error).toBe('pipeline corrected');
    expect(rows[1]?.error).toBe('it would have lasted until 2026-11-23T11:04:00.000Z');
    expect(finding()).toMatchObject({ status: 'closed' });
    for (const name of ['reverts', 'quarantines', 'quarantinedUntil']) expect(finding()).not.toHaveProperty(name);
    expectInvariants();
  });

  it('starts the count anew: it takes as many reversals as before, and an hour is enough again', async () => {
    await start();
    await breakTimes(4);
    await release();
    await runHost(engine, { untilMs: 1000 });
    expect(fixes()).toBe(4);

    await breakTimes(2);
    expect(fixes()).toBe(6);
    await breakTimes(1);

    expect(fixes()).toBe(6);
    expect(finding()).toMatchObject({ decision: 'quarantine', quarantines: 1 });
  });

  it('can do so once: delivered again it ends no later quarantine', async () => {
    await start();
    await breakTimes(4);
    await release();
    const [message] = engine.queue.filter(({ delayMs }) => delayMs === 0);
    await runHost(engine, { untilMs: 1000 });
    await breakTimes(3);
    expect(finding()).toMatchObject({ decision: 'quarantine' });

    engine.queue.push(...(message === undefined ? [] : [message]));
    await runHost(engine, { untilMs: 1000 });

    expect(finding()).toMatchObject({ decision: 'quarantine' });
    expect(engine.audit('operator').filter(({ reason }) => reason === 'quarantine-released')).toHaveLength(1);
  });

  it('is told when there is nothing to release', async () => {
    await start();
    await breakTimes(2);

    expect(await release()).toMatchObject({ result: 'refused', status: 404, code: 'no-open-finding' });
    engine.setEnvironment({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' });
    await breakTimes(1);
    expect(await release()).toMatchObject({ result: 'refused', status: 409, code: 'not-quarantined' });
  });
});

describe('R31: tags', () => {
  it('of others are never overwritten or removed while somebody fights about ours', async () => {
    await start({}, addRequiredTags);
    const id = addRequiredTags.resourceId;
    const tags = () => engine.simulator.state.get(id)?.tags;

    for (let time = 0; time < 6; time += 1) {
      engine.clock.advance(MINUTE);
      engine.simulator.as('automation').patch(id, { tags: { env: `round ${time}`, owner: 'somebody else' } });
      await runHost(engine, { untilMs: 1000 });
    }

    expect(fixes()).toBe(3);
    expect(quarantines()).toMatchObject([{ policyId: addRequiredTags.policyId, reason: 'war-with-writer' }]);
    expect(quarantines()[0]?.error).toContain('set /tags/costCenter right at the source');
    expect(tags()).toEqual({ env: 'round 5', owner: 'somebody else' });
    expectInvariants();
  });

  it('with a value that is not allowed are left to a person, however often', async () => {
    await start({ AKS_REQUIRED_TAGS: '{"env":{"default":"dev","allowed":["dev"]}}' }, addRequiredTags);
    const id = addRequiredTags.resourceId;

    for (let time = 0; time < 5; time += 1) {
      engine.clock.advance(MINUTE);
      engine.simulator.as('automation').patch(id, { tags: { env: 'prod', round: `${time}` } });
      await runHost(engine, { untilMs: 1000 });
    }

    expect(engine.mutations()).toEqual([]);
    expect(engine.audit('decision')).toMatchObject([{ decision: 'ticket', reason: 'tag-value-not-allowed' }]);
    expect(engine.simulator.state.get(id)?.tags).toMatchObject({ env: 'prod' });
    await runHost(engine, { untilMs: HOUR });
    expect(engine.tickets()).toMatchObject([{ state: 'open', reason: 'tag-value-not-allowed' }]);
    expectSettled(engine);
  });
});

describe('an operator’s release needs no readable resource', () => {
  const { policyId } = disableAdminUser;

  it.each([
    ['may not be read', 403, 'AuthorizationFailed'],
    ['answers 404', 404, 'ResourceNotFound'],
    ['answers with an error', 500, 'InternalServerError'],
    ['is throttled', 429, 'TooManyRequests'],
  ])('is done and answered at once while the resource %s', async (_what, status, code) => {
    await start();
    await breakTimes(4);
    expect(finding()).toMatchObject({ decision: 'quarantine', quarantines: 1 });
    const fault = engine.simulator.faults.add({
      method: 'GET',
      path: /\/registries\/contosoacr\?/i,
      caller: 'dockwarden',
      times: Infinity,
      effect: { kind: 'answer', status, body: { error: { code, message: 'refused' } } },
    });

    expect(await ask(engine, 'release', { resourceId: ACR, policyId })).toMatchObject({ result: 'accepted' });
    const asked = engine.clock.now().toISOString();
    await runHost(engine, { untilMs: 1000 });

    const rows = engine.audit('operator').filter(({ reason }) => reason === 'quarantine-released');
    expect(rows).toMatchObject([{ policyId, actor: ALICE.id, causeTime: asked, time: asked }]);
    expect(finding()).not.toHaveProperty('quarantinedUntil');
    expect(finding()).not.toHaveProperty('reverts');
    fault.remove();
    await runHost(engine, { untilMs: MINUTE });
    await sweep();
    expect(isOpen()).toBe(false);
    expect(engine.audit('operator').filter(({ reason }) => reason === 'quarantine-released')).toHaveLength(1);
    expectInvariants();
  });
});

describe('a throttled answer that asks for a day', () => {
  it('does not keep an operator who releases a quarantine waiting', async () => {
    await start();
    await breakTimes(4);
    engine.simulator.faults.add({
      method: 'GET',
      path: /\/registries\/contosoacr\?/i,
      caller: 'dockwarden',
      effect: {
        kind: 'answer',
        status: 429,
        headers: { 'retry-after': '86400' },
        body: { error: { code: 'TooManyRequests', message: 'later' } },
      },
    });
    engine.clock.advance(MINUTE);
    engine.simulator.as('automation').patch(ACR, { tags: { touched: 'yes' } });
    await runHost(engine, { untilMs: 1000 });
    // The end of the quarantine has a look of its own, which is no reason to wait less.
    expect(Math.max(...engine.queue.map(({ dueAt }) => dueAt)) - engine.clock.now().getTime()).toBeGreaterThan(
      23 * HOUR,
    );

    await ask(engine, 'release', { resourceId: ACR, policyId: disableAdminUser.policyId });
    await runHost(engine, { untilMs: MINUTE });

    expect(isOpen()).toBe(false);
    expect(engine.audit('operator').map(({ reason }) => reason)).toContain('quarantine-released');
    expectInvariants();
  });
});

const rotation = () => findingOf(engine, rotateSecondPassword);

describe('somebody else’s rotation', () => {
  const OPERATION = 'Microsoft.ContainerRegistry/registries/regenerateCredential/action';

  async function reportRotation(eventTime: string): Promise<void> {
    await acceptEvents(engine.context(), {
      id: `rotation-${eventTime}`,
      topic: '/subscriptions/x',
      subject: ACR,
      eventType: 'Microsoft.Resources.ResourceActionSuccess',
      eventTime,
      data: { resourceUri: ACR, operationName: OPERATION },
    });
  }

  it('in an event that claims a time in the future keeps the fix away for the grace, and not for good', async () => {
    await start({}, rotateSecondPassword);
    await reportRotation('2099-01-01T00:00:00Z');
    rotateSecondPassword.violate(engine);
    await runHost(engine, { untilMs: MINUTE });
    expect(rotation()).toMatchObject({
      reason: 'changed-by-others',
      othersActedAt: '2026-11-23T10:00:00.000Z',
      notBefore: '2026-11-24T10:00:00.000Z',
    });

    await runHost(engine, { untilMs: 2 * DAY });
    await sweep();

    expect(engine.audit('outcome').map(({ outcome }) => outcome)).toEqual(['fixed']);
    expectInvariants();
  });

  it('that a stored finding puts into the future is forgotten, and the fix follows', async () => {
    await start({}, rotateSecondPassword);
    await reportRotation('2026-11-23T09:59:00Z');
    rotateSecondPassword.violate(engine);
    await runHost(engine, { untilMs: MINUTE });
    const [row] = engine.tables.findings.rows;
    if (row === undefined) throw new Error('no finding');
    const columns = {
      ...row.columns,
      othersActedAt: '2099-01-01T00:00:00.000Z',
      notBefore: '2099-01-02T00:00:00.000Z',
    };
    await engine.tables.findings.replace(row, columns, row.etag);

    rotateSecondPassword.violate(engine);
    engine.simulator.as('automation').patch(ACR, { tags: { touched: 'yes' } });
    await runHost(engine, { untilMs: MINUTE });

    expect(engine.audit('outcome').map(({ outcome }) => outcome)).toEqual(['fixed']);
    expect(rotation()).not.toHaveProperty('othersActedAt');
    expectInvariants();
  });
});
