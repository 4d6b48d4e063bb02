import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { CustomTopic } from '../../local/event-grid/custom-topic.ts';
import { recordConfigurationFindings } from '../../src/engine/configuration.ts';
import { type PublishingContext, publishRecord } from '../../src/engine/publish.ts';
import { DockwardenError } from '../../src/errors.ts';
import { parseOutboundMessage } from '../../src/events/outbound-message.ts';
import { eventFamilies } from '../../src/outbound/event-families.ts';
import { createPublishingAuditLog } from '../../src/outbound/publishing-audit-log.ts';
import { createTopicSender, type SendEvent } from '../../src/outbound/topic.ts';
import type { WorkQueue } from '../../src/work/work-queue.ts';
import { projectRoot } from '../architecture/sources.ts';
import { SENDER, startTopic } from '../outbound/topic-rig.ts';
import { expectRecordedMutations } from '../support/audit-invariants.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { ALICE, ask, HOUR, seedOf, sweep } from './operator-requests.ts';
import { disableAdminUser, startScene } from './remediation-scenes.ts';

const MINUTE = 60_000;
const ACR = disableAdminUser.resourceId;

let engine: EngineHarness;
let topic: CustomTopic;
let publish: SendEvent;
let waiting: { readonly text: string; readonly dueAt: number }[];
let isOutboxDown: boolean;

const outbox: WorkQueue = {
  async send(text, delayMs) {
    if (isOutboxDown) throw new DockwardenError('STORAGE_UNAVAILABLE', 'queue events cannot be used');
    waiting.push({ text, dueAt: engine.clock.now().getTime() + delayMs });
    await Promise.resolve();
  },
};

async function start(): Promise<void> {
  waiting = [];
  isOutboxDown = false;
  engine = await startScene(disableAdminUser, {
    seed: seedOf(disableAdminUser),
    wrapContext: (context) => ({ ...context, audit: createPublishingAuditLog(context.audit, outbox) }),
  });
  topic = await startTopic(engine.simulator.world.issuer);
  publish = createTopicSender({
    url: topic.endpoint,
    credential: engine.simulator.credential('dockwarden'),
    now: () => engine.clock.now(),
  });
  engine.setEnvironment({ EVENTS_TOPIC_ENDPOINT: topic.endpoint, TICKETS_GRACE: '0m' });
  // The engine's own role follows the settings: the first context brings it.
  engine.context();
  const identity = engine.simulator.identity('dockwarden');
  identity.roleAssignments = [...identity.roleAssignments, SENDER];
}

afterEach(async () => {
  await Promise.all([engine.stop(), topic.stop()]);
});

/** Somebody breaks the registry, and whatever is due at once follows. */
async function breakRegistry(): Promise<void> {
  engine.clock.advance(MINUTE);
  engine.simulator.as('operator').patch(ACR, { properties: { adminUserEnabled: true } });
  await runHost(engine, { untilMs: 1000 });
}

/** Handles every message that comes due within the time, in the order in which they do. */
async function publishFor(milliseconds: number): Promise<void> {
  const end = engine.clock.now().getTime() + milliseconds;
  for (;;) {
    waiting.sort((one, other) => one.dueAt - other.dueAt);
    if ((waiting[0]?.dueAt ?? Infinity) > end) break;
    const message = waiting.shift();
    engine.clock.advance(Math.max(0, (message?.dueAt ?? 0) - engine.clock.now().getTime()));
    const { clock, log, settings, version, audit } = engine.context();
    const context: PublishingContext = { clock, log, settings, version, audit, eventQueue: outbox, publish };
    await publishRecord(context, parseOutboundMessage(message?.text));
  }
  engine.clock.advance(Math.max(0, end - engine.clock.now().getTime()));
}

/** What a receiver has that drops the ids that it knows: type and count. */
function countTypes(): Readonly<Record<string, number>> {
  const byId = new Map(topic.received.map(({ id, type }) => [id, type]));
  const counts: Record<string, number> = {};
  for (const type of byId.values()) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

function expectValid(): void {
  expect(topic.received.length).toBeGreaterThan(0);
  for (const event of topic.received) {
    const family = eventFamilies.find(({ types }) => Object.hasOwn(types, event.type));
    const text = readFileSync(join(projectRoot, `docs/events/${family?.id ?? 'none'}.schema.json`), 'utf8');
    const schema = z.fromJSONSchema(z.record(z.string(), z.unknown()).parse(JSON.parse(text)));
    expect(schema.safeParse(event).error).toBeUndefined();
  }
}

const STORY = {
  'dockwarden.remediation.fixed.v1': 4,
  'dockwarden.finding.quarantined.v1': 1,
  'dockwarden.ticket-record.opened.v1': 1,
  'dockwarden.ticket-record.resolved.v1': 1,
  'dockwarden.breaker.reset.v1': 1,
};

/** Three fixes, a quarantine with its ticket, a fix after its end that resolves the ticket, and an operator who resets a breaker. */
async function play(): Promise<void> {
  for (let time = 0; time < 4; time += 1) await breakRegistry();
  await sweep(engine);
  await ask(engine, 'reset', { breaker: 'remediation/acr-disable-admin-user', reason: 'canary of a reason' });
}

describe('a subscriber of the topic', () => {
  it('hears of each fix, the quarantine, its ticket and the reset: each once, and of nobody by name', async () => {
    await start();
    await play();
    await publishFor(MINUTE);

    expect(countTypes()).toEqual(STORY);
    expect(waiting).toEqual([]);
    expectValid();
    expectRecordedMutations(engine);
    const text = JSON.stringify(topic.received);
    expect(text).not.toContain(engine.simulator.identity('operator').objectId);
    expect(text).not.toContain(ALICE.id);
    expect(text).not.toContain('canary');
    const fixed = topic.received.filter(({ type }) => type === 'dockwarden.remediation.fixed.v1');
    const runs = engine.audit('outcome').map(({ remediationRunId }) => remediationRunId);
    expect(fixed.map(({ data }) => z.object({ remediationRunId: z.string() }).parse(data).remediationRunId)).toEqual(
      expect.arrayContaining(runs),
    );
  });

  it('loses nothing by an outage of hours, which delays no fix', async () => {
    await start();
    topic.faults.add({ times: Infinity, effect: { kind: 'answer', status: 503 } });
    await breakRegistry();
    const [{ latencyMs = Infinity } = {}] = engine.audit('outcome');
    expect(latencyMs).toBeLessThan(MINUTE);
    expect(engine.simulator.state.get(ACR)).toMatchObject({ properties: { adminUserEnabled: false } });
    await publishFor(20 * HOUR);
    expect(topic.requests()).toBeGreaterThan(5);
    expect(topic.received).toEqual([]);

    topic.faults.clear();
    await publishFor(6 * HOUR);

    expect(countTypes()).toEqual({ 'dockwarden.remediation.fixed.v1': 1 });
    expect(topic.received).toHaveLength(1);
    expect(engine.audit('notice')).toEqual([]);
  });

  it('may hear of the same thing twice after a lost answer, by the same id', async () => {
    await start();
    let isLost = false;
    const send = publish;
    publish = async (event) => {
      await send(event);
      if (isLost) return;
      isLost = true;
      throw new DockwardenError('STORAGE_UNAVAILABLE', 'the worker was lost after it had sent');
    };
    await breakRegistry();
    await publishFor(HOUR);

    expect(topic.received).toHaveLength(2);
    expect(countTypes()).toEqual({ 'dockwarden.remediation.fixed.v1': 1 });
  });

  it('hears of an outcome that could not be recorded while the outbox was out of reach, as soon as it is', async () => {
    await start();
    isOutboxDown = true;
    await breakRegistry();
    expect(engine.audit('outcome')).toEqual([]);
    expect(waiting).toEqual([]);
    isOutboxDown = false;
    await runHost(engine, { untilMs: HOUR });
    await publishFor(MINUTE);

    expect(engine.audit('outcome')).toHaveLength(1);
    expect(countTypes()).toEqual({ 'dockwarden.remediation.fixed.v1': 1 });
    expectRecordedMutations(engine);
  });

  it('hears of settings that are wrong', async () => {
    await start();
    engine.setEnvironment({ TICKETS_GRACE: 'canary' });
    await recordConfigurationFindings(engine.context());
    await publishFor(MINUTE);

    expect(topic.received).toMatchObject([
      { type: 'dockwarden.configuration.finding.v1', data: { setting: 'TICKETS_GRACE', problem: 'invalid-value' } },
    ]);
    expect(JSON.stringify(topic.received)).not.toContain('canary');
    expectValid();
  });
});
