import { expect } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { publishRecord } from '../../src/engine/publish.ts';
import { DockwardenError } from '../../src/errors.ts';
import { TopicError } from '../../src/outbound/topic.ts';
import { AUDIT_ADMIN_USER, assignment, exemption } from '../support/azure-policy.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { ALICE, ask, asSeen, DAY, HOUR, runsWith } from './operator-requests.ts';
import { refuse, type Scenario, set, violateAndRun } from './reason-scenarios.ts';
import { addRequiredTags, disableAdminUser, type Scene } from './remediation-scenes.ts';

const GROUP = /\/resourceGroups\/[\w-]+(\?|$)/i;
const REGISTRY = /\/registries\/\w+(\?|$)/;
const SECOND = 1000;
const OTHER = sampleId('contosobuild');
const TAG = `dockwarden-exempt-${disableAdminUser.policyId}`;
const groupId = disableAdminUser.resourceId.slice(0, disableAdminUser.resourceId.indexOf('/providers/'));

/** The violation comes in together with tags of the registry. */
function tagged(value: string, untilMs?: number): Scenario {
  return {
    scene: disableAdminUser,
    async act(run) {
      run.simulator.state.patch(disableAdminUser.resourceId, { tags: { [TAG]: value } });
      await violateAndRun(run, disableAdminUser, untilMs);
    },
  };
}

/** Another registry of the same subscription is treated a moment before. */
function after(environment: Readonly<Record<string, string>>, first: (run: EngineHarness) => void = () => undefined) {
  return set(disableAdminUser, environment, async (run) => {
    first(run);
    run.simulator.as('operator').patch(OTHER, { tags: { touched: 'yes' } });
    await runHost(run, { untilMs: SECOND });
    await violateAndRun(run, disableAdminUser, SECOND);
  });
}

/** Somebody breaks the resource again whenever it was fixed, once more than it takes. */
function fight(environment: Readonly<Record<string, string>>, ...writers: readonly string[]): Scenario {
  return set(disableAdminUser, environment, async (run) => {
    await violateAndRun(run, disableAdminUser);
    for (const writer of writers) {
      run.clock.advance(SECOND);
      const change = { properties: { adminUserEnabled: true } };
      run.simulator.as(writer).patch(disableAdminUser.resourceId, change);
      await runHost(run, { untilMs: SECOND });
    }
  });
}

const war = fight({ WAR_REVERTS: '2' }, 'operator', 'operator');

/** The fix waits for approval; then somebody answers, and whatever follows within a minute happens. */
function afterAnswer(
  scene: Scene,
  answer: (run: EngineHarness) => Promise<void>,
  environment: Readonly<Record<string, string>> = {},
): Scenario {
  const mode = `REMEDIATE_${scene.remediationId.toUpperCase().replaceAll('-', '_')}`;
  return set(scene, { [mode]: 'approve', ...environment }, async (run) => {
    await violateAndRun(run, scene);
    run.clock.advance(SECOND);
    await answer(run);
    await runHost(run, { untilMs: 60_000 });
  });
}

async function approve(run: EngineHarness, scene: Scene): Promise<void> {
  expect(await ask(run, 'approve', asSeen(run, scene), ALICE)).toMatchObject({ result: 'accepted' });
}

/** A fix was made, and an operator asks for it to be taken back. */
async function fixAndUndo(run: EngineHarness, scene: Scene): Promise<void> {
  await violateAndRun(run, scene);
  run.clock.advance(SECOND);
  const [runId] = runsWith(run, 'fixed');
  expect(await ask(run, 'undo', { runId })).toMatchObject({ result: 'accepted' });
}

/** An undo whose write got lost: its run is open. */
async function leaveUndoOpen(run: EngineHarness, scene: Scene): Promise<void> {
  await fixAndUndo(run, scene);
  run.simulator.faults.add({ method: 'PATCH', caller: 'dockwarden', effect: { kind: 'drop' } });
  await run.drain();
  expect(run.work()).toMatchObject([{ run: { resumed: 0, undo: {} } }]);
}

export const safetyDecisions: Readonly<Record<string, Scenario>> = {
  'out-of-scope': set(disableAdminUser, { REMEDIATE_ACR_DISABLE_ADMIN_USER_SCOPE: 'pilot=yes' }),
  'exempt-resource': tagged('2026-12-24;migration;OPS-1', HOUR),
  'exempt-resource-group': {
    scene: disableAdminUser,
    async act(run) {
      run.simulator.state.patch(groupId, { tags: { [TAG]: '2026-12-24;migration;OPS-1' } });
      await violateAndRun(run, disableAdminUser, HOUR);
    },
  },
  'exempt-azure-policy': {
    scene: disableAdminUser,
    async act(run) {
      const assigned = assignment(AUDIT_ADMIN_USER);
      const expiresOn = '2026-12-24T00:00:00Z';
      for (const one of [assigned, exemption(assigned, groupId, { expiresOn })]) run.simulator.state.put(one);
      await violateAndRun(run, disableAdminUser, HOUR);
    },
  },
  'exempt-undone': {
    scene: addRequiredTags,
    async act(run) {
      await fixAndUndo(run, addRequiredTags);
      // So that the decision is younger than the intent.
      const effect = { kind: 'before', run: () => run.clock.advance(SECOND) } as const;
      run.simulator.faults.add({ method: 'PATCH', caller: 'dockwarden', effect });
      await runHost(run, { untilMs: HOUR });
    },
  },
  'exemption-unreadable': {
    scene: disableAdminUser,
    async act(run) {
      refuse(run, 'GET', GROUP, 403, Infinity);
      await violateAndRun(run, disableAdminUser);
    },
  },
  'exemption-invalid': tagged('2026-12-24;;OPS-1', HOUR),
  'war-with-writer': war,
  'war-with-many': fight({ WAR_REVERTS_TOTAL: '2' }, 'operator', 'automation'),
  notice: set(disableAdminUser, { GRACE_ACR_DISABLE_ADMIN_USER: '24h' }),
  'outside-window': set(disableAdminUser, { REMEDIATE_ACR_DISABLE_ADMIN_USER_WINDOW: '0 22 * * 1-5;4h;Europe/Berlin' }),
  frozen: set(disableAdminUser, { FREEZE_DATES: '2026-11-23' }),
  'breaker-cap': after({ BREAKER_REMEDIATION_CAP: '1' }),
  'breaker-open': after({ BREAKER_FAILURE_MINIMUM: '1' }, (run) => {
    refuse(run, 'PATCH', REGISTRY, 403);
  }),
  'breaker-unavailable': {
    scene: disableAdminUser,
    options: {
      wrapContext: (context) => ({
        ...context,
        breakers: {
          ...context.breakers,
          admit: async () => await Promise.reject(new DockwardenError('STORAGE_UNAVAILABLE', 'no answer')),
        },
      }),
    },
    async act(run) {
      await violateAndRun(run, disableAdminUser, HOUR);
    },
  },
  approved: afterAnswer(disableAdminUser, async (run) => {
    await approve(run, disableAdminUser);
  }),
  'approval-drifted': afterAnswer(addRequiredTags, async (run) => {
    await approve(run, addRequiredTags);
    run.simulator.as('operator').patch(addRequiredTags.resourceId, { tags: { owner: 'somebody' } });
  }),
  'approval-expired': afterAnswer(disableAdminUser, async (run) => {
    await approve(run, disableAdminUser);
    run.clock.advance(DAY);
  }),
  'approval-pending': afterAnswer(
    disableAdminUser,
    async (run) => {
      await approve(run, disableAdminUser);
    },
    { APPROVAL_PERSONS: '2' },
  ),
  'approval-rejected': afterAnswer(disableAdminUser, async (run) => {
    await ask(run, 'reject', { ...asSeen(run, disableAdminUser), reason: 'not before Christmas' });
  }),
  'approval-unreadable': afterAnswer(disableAdminUser, async (run) => {
    await approve(run, disableAdminUser);
    const row = run.tables.guards.rows.find(({ partitionKey }) => partitionKey === 'approval');
    const columns = { ...row?.columns, state: 'perhaps' };
    await run.tables.guards.putAll('approval', [{ rowKey: row?.rowKey ?? '', columns }]);
  }),
  undo: {
    scene: addRequiredTags,
    async act(run) {
      await leaveUndoOpen(run, addRequiredTags);
    },
  },
};

export const undoOutcomes: Readonly<Record<string, Scenario>> = {
  'kill-switch': {
    scene: addRequiredTags,
    async act(run) {
      await leaveUndoOpen(run, addRequiredTags);
      run.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
      await runHost(run, { untilMs: HOUR });
    },
  },
  drifted: {
    scene: addRequiredTags,
    async act(run) {
      await leaveUndoOpen(run, addRequiredTags);
      run.simulator.state.patch(addRequiredTags.resourceId, { tags: { owner: 'somebody' } });
      await runHost(run, { untilMs: HOUR });
    },
  },
};

/** A topic that takes nothing. */
async function refuseEvent(): Promise<never> {
  return await Promise.reject(new TopicError('invalid', 'the topic takes no CloudEvents'));
}

export const notices: Readonly<Record<string, Scenario>> = {
  'event-not-published': {
    scene: disableAdminUser,
    async act(run) {
      const context = run.context();
      await violateAndRun(run, disableAdminUser);
      const row = run.tables.audit.rows.find(({ columns }) => columns['stage'] === 'outcome');
      const since = context.clock.now().toISOString();
      await publishRecord(
        { ...context, publish: refuseEvent },
        { partitionKey: row?.partitionKey ?? '', rowKey: row?.rowKey ?? '', since, attempt: 0 },
      );
    },
  },
  'breaker-cap': after({ BREAKER_REMEDIATION_CAP: '1' }),
  'breaker-open': after({ BREAKER_FAILURE_MINIMUM: '1' }, (run) => {
    refuse(run, 'PATCH', REGISTRY, 403);
  }),
  'exemption-ending': tagged('2026-11-24;migration;OPS-1', HOUR),
};

async function release(run: EngineHarness): Promise<void> {
  await war.act?.(run);
  run.clock.advance(SECOND);
  const { policyId, resourceId } = disableAdminUser;
  expect(await ask(run, 'release', { policyId, resourceId })).toMatchObject({ result: 'accepted' });
}

export const requests: Readonly<Record<string, Scenario>> = {
  'undo-asked': {
    scene: addRequiredTags,
    async act(run) {
      await fixAndUndo(run, addRequiredTags);
    },
  },
  'replay-asked': {
    scene: disableAdminUser,
    async act(run) {
      disableAdminUser.violate(run);
      await ask(run, 'replay', { message: run.events.splice(0)[0], observe: false });
    },
  },
  'replay-observed': {
    scene: disableAdminUser,
    async act(run) {
      disableAdminUser.violate(run);
      await ask(run, 'replay', { message: run.events.splice(0)[0], observe: true });
    },
  },
  'message-replayed': {
    scene: disableAdminUser,
    async act(run) {
      disableAdminUser.violate(run);
      run.deadLetters.push({ name: 'one.json', body: JSON.stringify(run.events.splice(0)) });
      await ask(run, 'message-replay', { id: 'dead-letter/one.json', reason: 'storage is back' });
    },
  },
  'message-dropped': {
    scene: disableAdminUser,
    async act(run) {
      run.deadLetters.push({ name: 'one.json', body: '[]' });
      await ask(run, 'message-drop', { id: 'dead-letter/one.json', reason: 'nobody needs it' });
    },
  },
  'release-asked': { scene: disableAdminUser, act: release },
  'quarantine-released': {
    scene: disableAdminUser,
    async act(run) {
      await release(run);
      run.clock.advance(SECOND);
      await runHost(run, { untilMs: HOUR });
    },
  },
  'reset-asked': {
    scene: disableAdminUser,
    async act(run) {
      await violateAndRun(run, disableAdminUser);
      await ask(run, 'reset', { breaker: `remediation/${disableAdminUser.remediationId}` });
    },
  },
};
