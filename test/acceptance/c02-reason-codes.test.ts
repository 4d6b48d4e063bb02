import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { keepPoison } from '../../src/engine/poison.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { exemptionSources } from '../../src/settings/safety-settings.ts';
import { expectRecordedMutations } from '../support/audit-invariants.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { defenderInputs, ignoredAlerts, invalidAlerts } from './defender-reasons.ts';
import { keyDecisions, keyInputs, keyNotices } from './key-reasons.ts';
import { refuse, type Scenario, set, violateAndRun } from './reason-scenarios.ts';
import {
  addRequiredTags,
  disableAdminUser,
  rotateSecondPassword,
  type Scene,
  startScene,
} from './remediation-scenes.ts';
import { notices, requests, safetyDecisions, undoOutcomes } from './safety-reasons.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const REGISTRY = /\/registries\/\w+(\?|$)/;
const HOUR = 3_600_000;
/** Of the cluster only the nodes are judged; some of the sample miss a reboot. */
const NODES_ONLY = {
  AKS_REQUIRED_TAGS: '{}',
  POLICY_AKS_NODE_REBOOT_COMPLETED: 'on',
  REMEDIATE_AKS_TRACK_NODE_REBOOTS: 'enforce',
};

function manyTags(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`tag${index}`, 'x']));
}

/** Leaves a run without an outcome: the answer to its last write is lost, and the change is not applied. */
async function leaveOpen(run: EngineHarness, scene: Scene): Promise<void> {
  run.simulator.faults.add({ method: 'PATCH', caller: 'dockwarden', effect: { kind: 'drop' } });
  scene.violate(run);
  await run.deliverEvents();
  await run.drain();
  expect(run.work()).toMatchObject([{ run: { resumed: 0 } }]);
}

const decisions: Readonly<Record<string, Scenario>> = {
  'verdict-unknown': {
    scene: disableAdminUser,
    async act(run) {
      refuse(run, 'GET', REGISTRY, 403);
      await violateAndRun(run, disableAdminUser);
    },
  },
  'no-remediation': {
    scene: disableAdminUser,
    options: { wrapContext: (context) => ({ ...context, remediations: [] }) },
  },
  'remediation-off': set(disableAdminUser, { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'off' }),
  'mode-observe': set(disableAdminUser, { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' }),
  'mode-approve': set(disableAdminUser, { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve' }),
  'mode-enforce': {
    scene: disableAdminUser,
    async act(run) {
      await leaveOpen(run, disableAdminUser);
      expect(run.audit()).toMatchObject([{ stage: 'intent', decision: 'fix' }]);
    },
  },
  'resource-busy': {
    scene: disableAdminUser,
    async act(run) {
      disableAdminUser.violate(run);
      run.simulator.state.patch(disableAdminUser.resourceId, { properties: { provisioningState: 'Updating' } });
      await runHost(run, { untilMs: HOUR });
    },
  },
  'resource-stopped': {
    scene: addRequiredTags,
    async act(run) {
      addRequiredTags.violate(run);
      run.simulator.state.patch(addRequiredTags.resourceId, { properties: { powerState: { code: 'Stopped' } } });
      await runHost(run);
    },
  },
  'changed-by-others': {
    scene: rotateSecondPassword,
    async act(run) {
      rotateSecondPassword.violate(run);
      run.simulator.as('automation').post(`${sampleId('contosoacr')}/regenerateCredential`, { name: 'password' });
      await runHost(run, { untilMs: HOUR });
    },
  },
  'backing-off': {
    scene: disableAdminUser,
    async act(run) {
      refuse(run, 'PATCH', REGISTRY, 403);
      await violateAndRun(run, disableAdminUser);
      // What it found is out of date: the sweep looks again, though it is too early to try again.
      run.setEnvironment({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve' });
      run.clock.advance(1000);
      await runHost(run, { sweep: true, untilMs: HOUR / 2 });
    },
  },
  'preflight-unavailable': {
    scene: disableAdminUser,
    async act(run) {
      refuse(run, 'GET', /\/containerGroups/, 503, Infinity);
      disableAdminUser.violate(run);
      await runHost(run, { untilMs: HOUR });
    },
  },
  'dependants-found': {
    scene: { ...disableAdminUser, resourceId: sampleId('contosolegacy') },
  },
  'dependants-unreadable': {
    scene: disableAdminUser,
    async act(run) {
      refuse(run, 'GET', /\/containerGroups/, 403, Infinity);
      await violateAndRun(run, disableAdminUser);
    },
  },
  'before-too-large': {
    scene: disableAdminUser,
    options: {
      wrapContext: (context) => ({
        ...context,
        remediations: context.remediations.map((remediation) => ({
          ...remediation,
          touches: () => [`/${'x'.repeat(20_000)}`] as const,
        })),
      }),
    },
  },
  'tag-value-not-allowed': set(addRequiredTags, { AKS_REQUIRED_TAGS: '{"env":{"default":"dev","allowed":["dev"]}}' }),
  'tag-default-missing': set(addRequiredTags, { AKS_REQUIRED_TAGS: '{"owner":null}' }),
  'tag-limit-reached': {
    scene: addRequiredTags,
    async act(run) {
      addRequiredTags.violate(run);
      run.simulator.state.patch(addRequiredTags.resourceId, { tags: manyTags(49) });
      await runHost(run);
    },
  },
  'azure-unavailable': {
    scene: disableAdminUser,
    async act(run) {
      refuse(run, 'GET', REGISTRY, 503, Infinity);
      disableAdminUser.violate(run);
      await runHost(run, { untilMs: HOUR });
    },
  },
  'gave-up': {
    scene: disableAdminUser,
    async act(run) {
      refuse(run, 'GET', /\/containerGroups/, 503, Infinity);
      disableAdminUser.violate(run);
      await runHost(run, { untilMs: 26 * HOUR });
    },
  },
  'ticket-only': {
    scene: addRequiredTags,
    async act(run) {
      run.setEnvironment(NODES_ONLY);
      await violateAndRun(run, addRequiredTags, HOUR);
    },
  },
  ...safetyDecisions,
};

const outcomes: Readonly<Record<string, Scenario>> = {
  verified: { scene: addRequiredTags },
  'verified-after-restart': {
    scene: addRequiredTags,
    async act(run) {
      await leaveOpen(run, addRequiredTags);
      await runHost(run);
    },
  },
  'not-verified': {
    scene: addRequiredTags,
    async act(run) {
      run.simulator.faults.add({
        method: 'PATCH',
        caller: 'dockwarden',
        times: Infinity,
        effect: { kind: 'ignore-write' },
      });
      await violateAndRun(run, addRequiredTags);
    },
  },
  'changed-again': {
    scene: addRequiredTags,
    async act(run) {
      const { faults } = run.simulator;
      faults.add({ method: 'PATCH', caller: 'dockwarden', times: 1, effect: { kind: 'ignore-write' } });
      addRequiredTags.violate(run);
      await run.deliverEvents();
      await run.drain();
      run.clock.advance(1000);
      addRequiredTags.violate(run);
      await runHost(run, { untilMs: 1500 });
    },
  },
  'internal-error': {
    scene: addRequiredTags,
    options: {
      wrapContext: (context) => ({
        ...context,
        remediations: context.remediations.map((remediation) => ({
          ...remediation,
          fix: async () => await Promise.reject(new TypeError('a defect')),
        })),
      }),
    },
  },
  'policy-off': {
    scene: addRequiredTags,
    async act(run) {
      await leaveOpen(run, addRequiredTags);
      run.setEnvironment({ POLICY_AKS_REQUIRED_TAGS_PRESENT: 'off' });
      await runHost(run);
    },
  },
  'unknown-remediation': {
    scene: addRequiredTags,
    options: {
      wrapContext: (context) =>
        context.settings.cap === 'approve' ? { ...context, policies: [], remediations: [] } : context,
    },
    async act(run) {
      await leaveOpen(run, addRequiredTags);
      // Stands for a version that has dropped both.
      run.setEnvironment({ DOCKWARDEN_MODE: 'approve' });
      await runHost(run);
    },
  },
  unreadable: {
    scene: addRequiredTags,
    async act(run) {
      await leaveOpen(run, addRequiredTags);
      refuse(run, 'GET', /\/managedClusters\/[\w-]+\?/, 403, Infinity);
      await runHost(run);
    },
  },
  ...undoOutcomes,
};

const inputs: Readonly<Record<string, Scenario>> = {
  ...defenderInputs,
  ...keyInputs,
  'sweep-incomplete': {
    scene: disableAdminUser,
    async act(run) {
      refuse(run, 'POST', /ResourceGraph/i, 403);
      await expect(runHost(run, { sweep: true, untilMs: 10_000 })).resolves.toBeUndefined();
    },
  },
  poison: {
    scene: disableAdminUser,
    async act(run) {
      await keepPoison(run.context(), 'work', 'nonsense', 'every delivery failed');
    },
  },
};

const nodeNotices: Readonly<Record<string, Scenario>> = {
  'run-command': {
    scene: addRequiredTags,
    async act(run) {
      const { resourceId } = addRequiredTags;
      run.setEnvironment({ ...NODES_ONLY, AKS_RUN_COMMAND: 'private-clusters' });
      run.simulator.state.patch(resourceId, {
        properties: { apiServerAccessProfile: { enablePrivateCluster: true, disableRunCommand: false } },
      });
      run.simulator.kubernetes(resourceId).isOffline = true;
      await violateAndRun(run, addRequiredTags, 60_000);
    },
  },
};

/** An event that the operator's write raises, with a change to its members. */
async function acceptChanged(run: EngineHarness, change: (event: Record<string, unknown>) => unknown): Promise<void> {
  disableAdminUser.violate(run);
  const event: Record<string, unknown> = JSON.parse(JSON.stringify(run.events.splice(0)[0]));
  await acceptEvents(run.context(), change(event));
}

function withData(change: Readonly<Record<string, unknown>>) {
  return (event: Record<string, unknown>) => ({ ...event, data: { ...Object(event['data']), ...change } });
}

const invalidEvents: Readonly<Record<string, (event: Record<string, unknown>) => unknown>> = {
  'not-json': () => '{"half":',
  'too-large': () => `["${'x'.repeat(3_000_000)}"]`,
  'unknown-envelope': () => ({ hello: 'world' }),
  'unsupported-specversion': (event) => ({ ...event, specversion: '0.3', type: 'a', source: 'b' }),
  'invalid-resource-id': withData({ resourceUri: `${sampleId('contosoacr')}/../x` }),
  'missing-field:id': (event) => ({ ...event, id: undefined }),
  'missing-field:eventTime': (event) => ({ ...event, eventTime: 'yesterday', time: 'yesterday' }),
  'missing-field:operationName': withData({ operationName: 5 }),
  'missing-field:resourceUri': (event) => withData({ resourceUri: '' })({ ...event, subject: undefined }),
};

const ignoredEvents: Readonly<Record<string, (run: EngineHarness) => Promise<void>>> = {
  'own-write': async (run) => {
    await violateAndRun(run, disableAdminUser);
  },
  'event-type-not-covered': async (run) => {
    await acceptChanged(run, (event) => ({
      ...event,
      eventType: 'Microsoft.Storage.BlobCreated',
      type: 'Microsoft.Storage.BlobCreated',
    }));
  },
  'operation-not-effective': async (run) => {
    const type = 'Microsoft.Resources.ResourceWriteFailure';
    await acceptChanged(run, (event) => ({ ...event, eventType: type, type }));
  },
  'operation-not-relevant': async (run) => {
    await acceptChanged(
      run,
      withData({ operationName: 'Microsoft.ContainerService/managedClusters/listClusterUserCredential/action' }),
    );
  },
  'resource-type-not-covered': async (run) => {
    await acceptChanged(
      run,
      withData({ resourceUri: '/subscriptions/x/resourceGroups/y/providers/Microsoft.Storage/storageAccounts/z' }),
    );
  },
};

/** Every reason code that the source spells out. */
function codesInSource(): ReadonlySet<string> {
  const folders = ['src/engine', 'src/events', 'src/remediations'];
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(`${folder}/${name}`, 'utf8')),
  );
  const codes = files.flatMap((text) => [
    ...[...text.matchAll(/\breason(?::| =)([^,;{}]*)/g)].flatMap(([, value = '']) => quotedIn(value)),
    ...(text.includes('`exempt-${source}`') ? exemptionSources.map((source) => `exempt-${source}`) : []),
    ...[...text.matchAll(/\bnoteWaiting\(pass, '([a-z-]+)'/g)].map(([, code = '']) => code),
    ...[...text.matchAll(/\bReason =([^;]*);/g)].flatMap(([, value = '']) => quotedIn(value)),
    ...[...text.matchAll(/\b(?:ignored|invalid)\('([a-z-]+)'/g)].map(([, code = '']) => code),
    ...[...text.matchAll(/\bmissing\('(\w+)'/g)].map(([, field = '']) => `missing-field:${field}`),
  ]);
  return new Set(codes);
}

function quotedIn(text: string): readonly string[] {
  const values = text.replaceAll(/[!=]?== '[^']*'/g, '');
  return [...values.matchAll(/(?<!\[)'([a-z]+(?:-[a-z]+)*)'/g)].map(([, code = '']) => code);
}

describe('R10: every reason code', () => {
  const stages = {
    decision: { ...decisions, ...keyDecisions },
    outcome: outcomes,
    input: inputs,
    notice: { ...notices, ...nodeNotices, ...keyNotices },
    operator: requests,
  };
  const all = {
    ...Object.assign({}, ...Object.values(stages)),
    ...invalidEvents,
    ...invalidAlerts,
    ...ignoredEvents,
    ...ignoredAlerts,
  };

  it('that the source knows has a scenario here, and the other way round', async () => {
    engine = await startScene(disableAdminUser);
    const codes = codesInSource();

    expect(codes.size).toBeGreaterThan(65);
    expect(Object.keys(all).toSorted()).toEqual([...codes].toSorted());
  });

  for (const [stage, scenarios] of Object.entries(stages)) {
    it.each(Object.entries(scenarios))(
      `of an ${stage} comes from one situation: %s`,
      async (code, { scene, options, act }) => {
        engine = await startScene(scene, options);

        await (act === undefined ? violateAndRun(engine, scene) : act(engine));

        const wanted = stage === 'decision' ? ['decision', 'intent'] : [stage];
        const isOwn = (id: string | undefined) => id === undefined || id === scene.resourceId;
        const rows = engine.audit().filter((row) => wanted.includes(row.stage) && isOwn(row.resourceId));
        const newest = rows.toSorted((a, b) => a.time.localeCompare(b.time)).at(-1);
        expect(newest).toMatchObject({ reason: code });
        expectRecordedMutations(engine);
      },
    );
  }

  it.each(Object.entries(invalidEvents))(
    'of an event that cannot be understood is on record: %s',
    async (code, change) => {
      engine = await startScene(disableAdminUser);

      await acceptChanged(engine, change);

      expect(engine.audit()).toMatchObject([{ stage: 'input', reason: code }]);
      expect(engine.queue).toEqual([]);
    },
  );

  it.each(Object.entries(invalidAlerts))('of what cannot be understood is on record: %s', async (code, act) => {
    engine = await startScene(disableAdminUser);

    await act(engine);

    expect(engine.audit()).toMatchObject([{ stage: 'input', reason: code }]);
    expect(engine.queue).toEqual([]);
  });

  it.each(Object.entries({ ...ignoredEvents, ...ignoredAlerts }))(
    'of an event that calls for nothing is logged: %s',
    async (code, act) => {
      const logged: unknown[] = [];
      const wrapContext = (context: EngineContext): EngineContext => ({
        ...context,
        log: { ...context.log, debug: (_, details) => logged.push(details?.['reason']) },
      });
      engine = await startScene(disableAdminUser, { wrapContext });

      await act(engine);

      expect(new Set(logged)).toEqual(new Set([code]));
    },
  );
});
