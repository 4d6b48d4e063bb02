import { afterEach, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../local/azure/json.ts';
import { SAMPLE_SUBSCRIPTION_ID } from '../../local/azure/sample-subscription.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import type { Environment } from '../../src/settings/settings.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { ask, asSeen, DAY, findingOf, HOUR, runsWith, seedOf, sweep } from './operator-requests.ts';
import { disableAdminUser, type Scene, scenes } from './remediation-scenes.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const GROUP = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/rg-platform-prod`;
const GROUP_READ = /\/resourceGroups\/rg-platform-prod\?/i;
type Source = 'resource' | 'resource-group';
const sources: readonly Source[] = ['resource', 'resource-group'];

/** The harness starts on 23 November 2026 at 10:00 UTC. */
const VALID = '2026-12-24;migration of the build farm;OPS-4711';

function tagOf({ policyId }: Scene): string {
  return `dockwarden-exempt-${policyId}`;
}

async function start(scene: Scene, changes: Environment = {}): Promise<void> {
  engine = await startEngine({
    environment: { ...ENFORCING, ...scene.environment, ...changes },
    seed: seedOf(scene),
  });
}

/** Sets tags without an event; null removes. */
function setTags(scene: Scene, source: Source, tags: Readonly<Record<string, string | null>>): void {
  engine.simulator.state.patch(source === 'resource' ? scene.resourceId : GROUP, { tags });
}

/** Sets a tag of the resource as somebody, with the event that this raises. */
function tagAs(name: 'operator' | 'automation', scene: Scene, tags: Readonly<Record<string, string>>): void {
  const present = engine.simulator.state.get(scene.resourceId)?.tags;
  engine.simulator.as(name).patch(scene.resourceId, { tags: { ...present, ...tags } });
}

/** A change of the resource that says nothing about exemptions. */
async function touch(scene: Scene): Promise<void> {
  tagAs('automation', scene, { touched: engine.clock.now().toISOString() });
  await engine.settle(0);
}

/** Sweeps every six hours until then. */
async function sweepUntil(time: string): Promise<void> {
  while (engine.clock.now().getTime() < Date.parse(time)) {
    engine.clock.advance(Math.min(6 * HOUR, Date.parse(time) - engine.clock.now().getTime()));
    await sweepResources(engine.context());
    await engine.settle(0);
  }
}

function advanceTo(time: string): void {
  engine.clock.advance(Date.parse(time) - engine.clock.now().getTime());
}

function groupReads(): number {
  return engine.calls().filter((call) => call === `GET ${GROUP}`).length;
}

function expectInvariants(): void {
  expectRecordedMutations(engine);
  expectSettled(engine);
  expect(engine.poison).toEqual([]);
}

function expectUntouched(): void {
  expect(engine.mutations()).toEqual([]);
  expect(engine.audit('intent')).toEqual([]);
}

function expectFixed(scene: Scene): void {
  expect(scene.isFixed(engine)).toBe(true);
  expect(runsWith(engine, 'fixed')).toHaveLength(1);
  expectInvariants();
}

const scene = disableAdminUser;

async function startExempt(from: Source): Promise<void> {
  await start(scene);
  setTags(scene, from, { [tagOf(scene)]: VALID });
  scene.violate(engine);
  await engine.settle();
  expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt' });
  expectUntouched();
}

/** The violation by the operator is known before anything is exempted. */
async function startViolated(): Promise<void> {
  await start(scene, { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' });
  scene.violate(engine);
  await engine.settle();
  engine.setEnvironment({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce' });
  engine.clock.advance(60_000);
}

function answer(status: number, code: string, headers: Readonly<Record<string, string>> = {}) {
  return { kind: 'answer', status, headers, body: { error: { code, message: `refused with ${code}` } } } as const;
}

function who(name: string): string {
  return engine.simulator.identity(name).objectId;
}

const valid: readonly (readonly [string, string])[] = [
  ['valid', VALID],
  ['the longest that is allowed', '2027-02-21;reason;OPS-1'],
  ['today', '2026-11-23;reason;OPS-1'],
  ['with ; in the reason', '2026-12-24;first;second;OPS-1'],
  ['with blanks', ' 2026-12-24 ; reason ; OPS-1 '],
];

const past: readonly (readonly [string, string])[] = [
  ['past', '2026-11-22;reason;OPS-1'],
  ['past without anything else', '2020-01-01'],
];

/** [what is wrong with it, the tag, what the finding says] */
const invalid: readonly (readonly [string, string, string])[] = [
  ['empty', '', 'date'],
  ['just "true"', 'true', 'date'],
  ['without date', ';reason;OPS-1', 'date'],
  ['date in another order', '24-12-2026;reason;OPS-1', 'date'],
  ['date with a time', '2026-12-24T00:00:00Z;reason;OPS-1', 'date'],
  ['30 February', '2027-02-30;reason;OPS-1', 'date'],
  ['only a date', '2026-12-24', 'three parts'],
  ['without ticket', '2026-12-24;reason', 'three parts'],
  ['with an empty reason', '2026-12-24;;OPS-1', 'no reason'],
  ['with a blank reason', '2026-12-24;  ;OPS-1', 'no reason'],
  ['with an empty ticket', '2026-12-24;reason;', 'no ticket'],
  ['too long', '2027-02-25;reason;OPS-1', '90 days'],
  ['for ever', '9999-12-31;reason;OPS-1', '90 days'],
];

describe.each(sources)('a tag of the %s', (source) => {
  it.each(valid)('that is valid exempts: %s, %j', async (_, value) => {
    await start(scene);
    setTags(scene, source, { [tagOf(scene)]: value });
    scene.violate(engine);

    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({
      decision: 'exempt',
      reason: `exempt-${source}`,
      exemption: { source, renewals: 0 },
    });
    expect(engine.audit('decision')).toMatchObject([{ decision: 'exempt', reason: `exempt-${source}` }]);
  });

  it.each(past)('that is over counts for nothing: %s, %j', async (_, value) => {
    await start(scene);
    setTags(scene, source, { [tagOf(scene)]: value });
    scene.violate(engine);

    await engine.settle();

    expectFixed(scene);
    expect(engine.audit('decision')).toEqual([]);
  });

  it.each(invalid)(
    'that is not valid holds the fix back for a day, and no longer: %s, %j',
    async (_, value, problem) => {
      await start(scene);
      setTags(scene, source, { [tagOf(scene)]: value });
      scene.violate(engine);

      await engine.settle();

      expectUntouched();
      expect(findingOf(engine, scene)).toMatchObject({
        decision: 'defer',
        reason: 'exemption-invalid',
        because: expect.stringContaining(problem),
        notBefore: '2026-11-24T10:00:00.000Z',
      });
      expect(engine.audit('decision')).toMatchObject([
        { decision: 'defer', reason: 'exemption-invalid', error: expect.stringContaining(source) },
      ]);
      advanceTo('2026-11-24T09:59:59Z');
      await engine.settle(0);
      await touch(scene);
      expectUntouched();
      // It ends by itself.
      await engine.settle();
      expectFixed(scene);
    },
  );

  it('that reaches a day too far is valid when that day has passed', async () => {
    await start(scene);
    setTags(scene, source, { [tagOf(scene)]: '2027-02-22;reason;OPS-1' });
    scene.violate(engine);
    await engine.settle();
    expect(findingOf(engine, scene)).toMatchObject({ reason: 'exemption-invalid' });

    await engine.settle(2 * DAY);

    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt', reason: `exempt-${source}` });
    expectUntouched();
    expectInvariants();
  });

  it('about another policy counts for nothing', async () => {
    await start(scene);
    setTags(scene, source, {
      'dockwarden-exempt-acr-second-password-fresh': VALID,
      'dockwarden-exempt-acr-admin-user-disabled2': VALID,
      'dockwarden-exempt-*': VALID,
      'dockwarden-exempt-': VALID,
      'acr-admin-user-disabled': VALID,
      ' dockwarden-exempt-acr-admin-user-disabled': VALID,
    });
    scene.violate(engine);

    await engine.settle();

    expectFixed(scene);
    expect(findingOf(engine, scene)).toMatchObject({ status: 'closed' });
  });

  it('with its name in another case is the same tag', async () => {
    await start(scene);
    setTags(scene, source, { 'DockWarden-EXEMPT-Acr-Admin-User-Disabled': VALID });
    scene.violate(engine);

    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt' });
  });

  it('holds until a second before the end of its last day, and ends by itself', async () => {
    await start(scene);
    setTags(scene, source, { [tagOf(scene)]: '2026-11-23;reason;OPS-1' });
    advanceTo('2026-11-23T23:59:59Z');
    scene.violate(engine);
    await engine.settle(0);

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt', notBefore: '2026-11-24T00:00:00.000Z' });
    await engine.settle(1000);
    expectFixed(scene);
  });

  it.each(['2026-11-24T00:00:00Z', '2026-11-24T00:00:01Z'])('is over at the end of its last day: %s', async (time) => {
    await start(scene);
    setTags(scene, source, { [tagOf(scene)]: '2026-11-23;reason;OPS-1' });
    advanceTo(time);
    scene.violate(engine);

    await engine.settle(0);

    expectFixed(scene);
    expect(engine.audit('decision')).toEqual([]);
  });

  it.each(scenes)('keeps every remediation away: $remediationId', async (other) => {
    await start(other);
    other.violate(engine);
    // After the event, before the act: the live state wins.
    setTags(other, source, { [tagOf(other)]: VALID });

    await engine.settle();
    await sweep(engine);
    await sweep(engine);

    expectUntouched();
    expect(findingOf(engine, other)).toMatchObject({ decision: 'exempt', reason: `exempt-${source}` });
    expect(engine.audit('decision')).toHaveLength(1);
    expectInvariants();
  });

  it('keeps an approval from acting, and from being asked for', async () => {
    await start(scene, { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve' });
    setTags(scene, source, { [tagOf(scene)]: VALID });
    scene.violate(engine);
    await engine.settle();

    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt' });
    expect(await ask(engine, 'approve', asSeen(engine, scene))).toMatchObject({ code: 'not-awaiting-approval' });
    expectUntouched();
    expectInvariants();
  });

  it('that is removed lets the next event fix', async () => {
    await startExempt(source);
    setTags(scene, source, { [tagOf(scene)]: null });

    await touch(scene);

    expectFixed(scene);
    expect(findingOf(engine, scene)).toMatchObject({ status: 'closed' });
  });

  it.each([
    ['removed', null],
    ['shortened to a day that is over', '2026-11-22;reason;OPS-1'],
    ['renamed to another policy', undefined],
  ] as const)('that is %s without an event lets the next sweep fix', async (_, value) => {
    await startExempt(source);
    const replaced = value ?? null;
    setTags(scene, source, { [tagOf(scene)]: replaced });
    if (value === undefined) setTags(scene, source, { 'dockwarden-exempt-acr-second-password-fresh': VALID });

    await sweep(engine);

    expectFixed(scene);
    expect(findingOf(engine, scene)).toMatchObject({ status: 'closed' });
  });

  it('that is made invalid without an event gets its grace from the next sweep on, and no second one', async () => {
    await startExempt(source);
    setTags(scene, source, { [tagOf(scene)]: 'until further notice' });
    await sweep(engine);
    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({
      reason: 'exemption-invalid',
      exemptionInvalidSince: '2026-11-23T11:00:00.000Z',
    });
    advanceTo('2026-11-24T04:00:00Z');
    setTags(scene, source, { [tagOf(scene)]: '2026-12-24;;' });
    await touch(scene);

    expect(findingOf(engine, scene)).toMatchObject({
      reason: 'exemption-invalid',
      because: expect.stringContaining('no reason'),
      exemptionInvalidSince: '2026-11-23T11:00:00.000Z',
    });
    expectUntouched();
    advanceTo('2026-11-24T11:00:00Z');
    await engine.settle(0);
    expectFixed(scene);
  });

  it('is announced once before its end, by whatever comes by, and fixed after it', async () => {
    await start(scene);
    setTags(scene, source, { [tagOf(scene)]: '2026-12-24;migration;OPS-4711' });
    scene.violate(engine);
    await engine.settle();
    expect(findingOf(engine, scene)?.notBefore).toBe('2026-12-18T00:00:00.000Z');
    await sweepUntil('2026-12-17T23:00:00Z');
    expect(engine.audit('notice')).toEqual([]);

    await sweepUntil('2026-12-18T12:00:00Z');
    await touch(scene);
    await sweepUntil('2026-12-24T20:00:00Z');

    expectUntouched();
    expect(engine.audit('notice')).toMatchObject([
      {
        reason: 'exemption-ending',
        policyId: scene.policyId,
        resourceName: 'contosoacr',
        error: expect.stringContaining('2026-12-25T00:00:00.000Z: migration (OPS-4711)'),
      },
    ]);
    expect(engine.audit('notice')[0]?.time.slice(0, 10)).toBe('2026-12-18');
    await sweepUntil('2026-12-25T06:00:00Z');
    expectFixed(scene);
    expect(engine.audit('notice')).toHaveLength(1);
  });

  it('is not announced with EXEMPTION_NOTICE=0h, and still ends', async () => {
    await start(scene, { EXEMPTION_NOTICE: '0h' });
    setTags(scene, source, { [tagOf(scene)]: '2026-11-26;reason;OPS-1' });
    scene.violate(engine);
    await engine.settle();

    await sweepUntil('2026-11-26T22:00:00Z');
    expectUntouched();
    await sweepUntil('2026-11-27T06:00:00Z');

    expectFixed(scene);
    expect(engine.audit('notice')).toEqual([]);
  });

  it('that is renewed after the announcement is announced again before its new end', async () => {
    await start(scene);
    setTags(scene, source, { [tagOf(scene)]: '2026-11-28;reason;OPS-1' });
    scene.violate(engine);
    await engine.settle();
    expect(engine.audit('notice')).toHaveLength(1);
    setTags(scene, source, { [tagOf(scene)]: '2026-12-12;reason;OPS-2' });
    await touch(scene);

    await sweepUntil('2026-12-05T22:00:00Z');
    expect(engine.audit('notice')).toHaveLength(1);
    await sweepUntil('2026-12-12T22:00:00Z');

    expectUntouched();
    expect(engine.audit('notice')).toHaveLength(2);
    expect(findingOf(engine, scene)?.exemption).toMatchObject({ renewals: 1, ticket: 'OPS-2', isEndAnnounced: true });
  });
});

describe('exemptions that cannot be read keep every fix back (R19)', () => {
  it.each([
    ['500', answer(500, 'InternalServerError')],
    ['503', answer(503, 'ServiceUnavailable')],
    ['429', answer(429, 'TooManyRequests', { 'retry-after': '60' })],
    ['404', answer(404, 'ResourceGroupNotFound')],
    ['no answer', { kind: 'drop' }],
    ['half an answer', { kind: 'cut-json' }],
  ] as const)('%s: deferred; heals, and is decided rightly without a restart', async (_, effect) => {
    await start(scene);
    const fault = engine.simulator.faults.add({
      caller: 'dockwarden',
      path: GROUP_READ,
      times: Infinity,
      effect,
    });
    scene.violate(engine);
    await engine.settle(10 * 60_000);

    expectUntouched();
    expect(fault.matched).toBeGreaterThanOrEqual(2);
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'defer', reason: 'exemption-unreadable' });
    expect(engine.audit('decision').map(({ decision }) => decision)).toEqual(
      engine.audit('decision').map(() => 'defer'),
    );
    fault.remove();
    await engine.settle();
    expectFixed(scene);
  });

  it('heals to an exemption as well', async () => {
    await start(scene);
    setTags(scene, 'resource-group', { [tagOf(scene)]: VALID });
    engine.simulator.faults.add({
      caller: 'dockwarden',
      path: GROUP_READ,
      times: 3,
      effect: answer(500, 'InternalServerError'),
    });
    scene.violate(engine);

    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt', reason: 'exempt-resource-group' });
    expectInvariants();
  });

  it('a wait that Azure asks for is kept', async () => {
    await start(scene);
    engine.simulator.faults.add({
      caller: 'dockwarden',
      path: GROUP_READ,
      effect: answer(429, 'TooManyRequests', { 'retry-after': '300' }),
    });
    scene.violate(engine);
    await engine.deliverEvents();
    await engine.drain();

    expect(engine.queue).toMatchObject([{ delayMs: 300_000 }]);
    await engine.settle();
    expectFixed(scene);
  });

  it('403: deferred for as long as it lasts, and never acted upon; the sweep after it ends fixes', async () => {
    await start(scene);
    const fault = engine.simulator.faults.add({
      caller: 'dockwarden',
      path: GROUP_READ,
      times: Infinity,
      effect: answer(403, 'AuthorizationFailed'),
    });
    scene.violate(engine);
    await engine.settle();
    await touch(scene);
    await sweepUntil('2026-11-30T10:00:00Z');

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'defer', reason: 'exemption-unreadable' });
    expect(engine.audit('decision')).toHaveLength(1);
    fault.remove();
    await sweep(engine);
    expectFixed(scene);
  });

  it('an outage of days: given up once in a day, never acted upon, and taken up again by the sweep', async () => {
    await start(scene);
    const fault = engine.simulator.faults.add({
      caller: 'dockwarden',
      path: GROUP_READ,
      times: Infinity,
      effect: answer(500, 'InternalServerError'),
    });
    scene.violate(engine);
    await engine.settle(3 * DAY);
    await sweep(engine);
    expectUntouched();
    fault.remove();

    await engine.settle(DAY);
    await sweep(engine);

    expectFixed(scene);
    expect(findingOf(engine, scene)).toMatchObject({ status: 'closed' });
  });

  const oddTags: readonly (readonly [string, Json])[] = [
    ['a text', 'none'],
    ['a list', [{ name: tagOf(scene), value: VALID }]],
    ['a number', 7],
    ['true', true],
  ];
  const oddValues: readonly (readonly [string, Json])[] = [
    ['a number', 20_261_224],
    ['null', null],
    ['an object', { until: '2026-12-24' }],
    ['a list', [VALID]],
    ['true', true],
  ];

  describe.each(sources)('of the %s', (source) => {
    it.each(oddTags)('tags that are no map: %s', async (_, tags) => {
      await start(scene);
      scene.violate(engine);
      putTags(source, tags);

      await engine.settle();
      await sweep(engine);

      expectUntouched();
      expect(findingOf(engine, scene)).toMatchObject({
        decision: 'defer',
        reason: 'exemption-unreadable',
        because: expect.stringContaining(source),
      });
      putTags(source, {});
      await sweep(engine);
      expectFixed(scene);
    });

    it.each(oddValues)('a value that is no text: %s', async (_, value) => {
      await start(scene);
      scene.violate(engine);
      putTags(source, { [tagOf(scene)]: value });

      await engine.settle();
      await sweep(engine);

      expectUntouched();
      expect(findingOf(engine, scene)).toMatchObject({ decision: 'defer', reason: 'exemption-unreadable' });
      putTags(source, {});
      await sweep(engine);
      expectFixed(scene);
    });

    it('another tag whose value is no text is nobody’s business', async () => {
      await start(scene);
      scene.violate(engine);
      putTags(source, { costs: 7, 'dockwarden-exempt-aks-required-tags-present': null });

      await engine.settle();

      expectFixed(scene);
      expect(findingOf(engine, scene)).toMatchObject({ status: 'closed' });
    });

    it('tags null, or absent, are no tags', async () => {
      await start(scene);
      scene.violate(engine);
      putTags(source, null);

      await engine.settle();

      expectFixed(scene);
      expect(findingOf(engine, scene)).toMatchObject({ status: 'closed' });
    });
  });

  it('a valid tag of the one counts although the other cannot be read', async () => {
    await start(scene);
    scene.violate(engine);
    putTags('resource', 'odd');
    setTags(scene, 'resource-group', { [tagOf(scene)]: VALID });

    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ reason: 'exempt-resource-group' });
    putTags('resource', { [tagOf(scene)]: VALID });
    putTags('resource-group', 'odd');
    const reads = groupReads();
    await sweep(engine);
    await touch(scene);
    expect(groupReads()).toBe(reads);
    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ reason: 'exempt-resource' });
    expectInvariants();
  });

  /** Puts what Azure would not take, as a damaged or unknown answer would hold it. */
  function putTags(source: Source, tags: Json): void {
    const id = source === 'resource' ? scene.resourceId : GROUP;
    const { tags: _old, ...others } = engine.simulator.state.get(id) ?? { id, name: '', type: '' };
    const body: JsonObject = { ...others, ...(tags !== undefined && { tags }) };
    // The store keeps raw JSON; its type says what Azure would hold.
    engine.simulator.state.put({ ...body, id, name: others.name, type: others.type });
  }
});

describe('who may have exempted themselves', () => {
  it('the same principal who broke it set the tag: said, and on record', async () => {
    await startViolated();
    tagAs('operator', scene, { [tagOf(scene)]: VALID });
    await engine.settle();

    expect(findingOf(engine, scene)).toMatchObject({
      decision: 'exempt',
      exemption: { by: who('operator'), isOwnViolation: true, renewals: 0, seenAt: '2026-11-23T10:01:00.000Z' },
      because: `tag of the resource, until 2026-12-25 00:00 UTC: migration of the build farm (OPS-4711); last changed by ${who('operator')}; who may have brought the violation, too`,
    });
    expect(engine.audit('decision')[0]?.error).toContain('who may have brought the violation');
    expectUntouched();
    expectInvariants();
  });

  it('both in one request is the same', async () => {
    await start(scene);
    const tags = engine.simulator.state.get(scene.resourceId)?.tags;
    engine.simulator.as('operator').patch(scene.resourceId, {
      properties: { adminUserEnabled: true },
      tags: { ...tags, [tagOf(scene)]: VALID },
    });
    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)?.exemption).toMatchObject({ by: who('operator'), isOwnViolation: true });
  });

  it('somebody else set it: on record, without that remark', async () => {
    await startViolated();
    tagAs('automation', scene, { [tagOf(scene)]: VALID });
    await engine.settle();

    const { exemption, because } = findingOf(engine, scene) ?? {};
    expect(exemption).toMatchObject({ by: who('automation') });
    expect(exemption).not.toHaveProperty('isOwnViolation');
    expect(because).not.toContain('may have brought');
    expectInvariants();
  });

  it('nobody told of it: said so', async () => {
    await startViolated();
    setTags(scene, 'resource', { [tagOf(scene)]: VALID });
    await sweep(engine);

    expect(findingOf(engine, scene)?.exemption).not.toHaveProperty('by');
    expect(findingOf(engine, scene)?.because).toContain('nobody knows who set it');
    expectInvariants();
  });

  it('who asked for something is not who wrote', async () => {
    await start(scene, { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve' });
    scene.violate(engine);
    await engine.settle();
    setTags(scene, 'resource', { [tagOf(scene)]: VALID });
    await ask(engine, 'approve', asSeen(engine, scene));
    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)?.exemption).not.toHaveProperty('by');
    expect(findingOf(engine, scene)?.actor).toBe(who('operator'));
    expectInvariants();
  });

  it('a group’s tag is not put down to whoever changed the resource', async () => {
    await start(scene);
    setTags(scene, 'resource-group', { [tagOf(scene)]: VALID });
    scene.violate(engine);
    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ reason: 'exempt-resource-group' });
    expect(findingOf(engine, scene)?.because).not.toContain(who('operator'));
  });

  it('renewals are counted, with the last writer of each', async () => {
    await startViolated();
    tagAs('automation', scene, { [tagOf(scene)]: VALID });
    await engine.settle();
    engine.clock.advance(DAY);
    tagAs('operator', scene, { [tagOf(scene)]: '2027-01-31;still migrating;OPS-4712' });
    await engine.settle();
    expect(findingOf(engine, scene)).toMatchObject({
      exemption: { by: who('operator'), renewals: 1, ticket: 'OPS-4712', expires: '2027-02-01T00:00:00.000Z' },
      because: expect.stringContaining('renewed once'),
    });
    engine.clock.advance(DAY);
    tagAs('operator', scene, { [tagOf(scene)]: '2027-02-15;and still;OPS-4713' });
    await engine.settle();

    expect(findingOf(engine, scene)).toMatchObject({
      exemption: { renewals: 2, isOwnViolation: true },
      because: expect.stringContaining('renewed 2 times'),
    });
    expect(engine.audit('decision').filter(({ decision }) => decision === 'exempt')).toHaveLength(3);
    expectUntouched();
    expectInvariants();
  });

  it('a look that finds the same tag changes nothing of what is known about it', async () => {
    await startViolated();
    tagAs('automation', scene, { [tagOf(scene)]: VALID });
    await engine.settle();
    const before = findingOf(engine, scene)?.exemption;
    engine.clock.advance(DAY);
    tagAs('operator', scene, { other: 'tag' });
    await engine.settle();

    expect(findingOf(engine, scene)?.exemption).toEqual(before);
    expectInvariants();
  });
});

describe('EXEMPTION_SOURCES says which tags count', () => {
  it.each([
    ['resource', 'resource', 'exempt', 0],
    ['resource', 'resource-group', 'fixed', 0],
    ['resource-group', 'resource', 'fixed', 1],
    ['resource-group', 'resource-group', 'exempt', 1],
    ['resource,resource-group', 'resource', 'exempt', 0],
    ['resource-group,resource', 'resource-group', 'exempt', 1],
    ['none', 'resource', 'fixed', 0],
    ['none', 'resource-group', 'fixed', 0],
  ] as const)('%s: a tag of the %s → %s, after %i reads of the group', async (setting, source, result, reads) => {
    await start(scene, { EXEMPTION_SOURCES: setting });
    setTags(scene, source, { [tagOf(scene)]: VALID });
    scene.violate(engine);

    await engine.settle();

    expect(groupReads()).toBe(reads);
    expect(scene.isFixed(engine)).toBe(result === 'fixed');
    expect(engine.audit('intent')).toHaveLength(result === 'fixed' ? 1 : 0);
    expectInvariants();
  });

  it('the longer of two valid tags counts', async () => {
    await start(scene);
    setTags(scene, 'resource', { [tagOf(scene)]: 'soon' });
    setTags(scene, 'resource-group', { [tagOf(scene)]: VALID });
    scene.violate(engine);
    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ reason: 'exempt-resource-group' });
    expect(findingOf(engine, scene)).not.toHaveProperty('exemptionInvalidSince');
    expectInvariants();
  });

  it('a malformed value, or another malformed setting of this kind, stops every change', async () => {
    await start(scene, { EXEMPTION_SOURCES: 'Resource', EXEMPTION_MAX_DAYS: '0' });
    scene.violate(engine);
    await engine.settle();
    await sweep(engine);

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'observe', reason: 'mode-observe' });
  });
});

describe('what does not act does not read the group either', () => {
  it.each([
    ['in mode observe', { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' }, 'mode-observe'],
    ['in mode off', { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'off' }, 'remediation-off'],
    ['under the kill switch', { DOCKWARDEN_MODE: 'observe' }, 'mode-observe'],
    ['out of its scope', { REMEDIATE_ACR_DISABLE_ADMIN_USER_SCOPE: 'pilot=yes' }, 'out-of-scope'],
  ])('%s', async (_, changes, reason) => {
    await start(scene, changes);
    setTags(scene, 'resource-group', { [tagOf(scene)]: VALID });
    scene.violate(engine);
    await engine.settle();
    await sweep(engine);

    expect(findingOf(engine, scene)).toMatchObject({ decision: 'observe', reason });
    expect(groupReads()).toBe(0);
    expectUntouched();
    expectInvariants();
  });

  it('nor does a compliant resource, nor one that an undo has exempted', async () => {
    await start(scene);
    await touch(scene);
    expect(groupReads()).toBe(0);
    scene.violate(engine);
    await engine.settle();
    await ask(engine, 'undo', { runId: runsWith(engine, 'fixed')[0] });
    const reads = groupReads();
    await engine.settle();
    await touch(scene);
    await sweep(engine);

    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt', reason: 'exempt-undone' });
    expect(groupReads()).toBe(reads);
    expectInvariants();
  });

  it('nor a sweep over a resource whose exemption stands', async () => {
    await start(scene);
    setTags(scene, 'resource', { [tagOf(scene)]: VALID });
    scene.violate(engine);
    await engine.settle();
    const calls = engine.calls().length;

    await sweep(engine);

    expect(engine.calls().slice(calls)).toEqual([expect.stringContaining('Microsoft.ResourceGraph')]);
    expectInvariants();
  });
});
