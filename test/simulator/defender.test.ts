import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exportTo } from '../../local/azure/defender.ts';
import type { JsonObject } from '../../local/azure/json.ts';
import {
  createSampleIdentities,
  SAMPLE_SUBSCRIPTION_ID,
  SAMPLE_TENANT_ID,
  sampleId,
} from '../../local/azure/sample-subscription.ts';
import { EventHub } from '../../local/event-hub/event-hub.ts';
import { FixedClock, type Harness, startHarness } from './harness.ts';

let harness: Harness;
let exported: JsonObject[];
let clock: FixedClock;

beforeEach(async () => {
  exported = [];
  clock = new FixedClock();
  harness = await startHarness({ clock, onExport: (message) => exported.push(message) });
});
afterEach(async () => await harness.stop());

const VERSION = 'api-version=2022-01-01';
const cluster = sampleId('aks-prod');
const security = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.Security`;
const inGroup = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/rg-platform-prod/providers/Microsoft.Security`;
const alertPath = (name: string) => `${inGroup}/locations/westeurope/alerts/${name}`;
const reader = (actions: readonly string[]) => createSampleIdentities(actions);

describe('what is exported', () => {
  test('an alert has the fields of a real one, in their order, with status New', () => {
    const id = harness.simulator.defender.raiseAlert({
      resourceId: cluster,
      alertType: 'K8S_AdmissionController',
      severity: 'Informational',
      displayName: 'Creation of admission webhook configuration detected',
      description: 'Text',
      intent: 'Persistence, CredentialAccess',
      remediationSteps: ['Look at it.'],
    });

    expect(Object.keys(exported[0] ?? {}).join(', ')).toBe(
      'VendorName, AlertType, ProductName, StartTimeUtc, EndTimeUtc, TimeGenerated, ProcessingEndTime, Severity, Status, ' +
        'ProviderAlertStatus, ConfidenceLevel, ConfidenceScore, ConfidenceReasons, IsIncident, SystemAlertId, ' +
        'CorrelationKey, Intent, AzureResourceId, WorkspaceId, WorkspaceSubscriptionId, WorkspaceResourceGroup, AgentId, ' +
        'CompromisedEntity, AlertDisplayName, Description, Entities, ExtendedLinks, RemediationSteps, ' +
        'ExtendedProperties, ResourceIdentifiers, AlertUri',
    );
    expect(exported).toEqual([
      expect.objectContaining({
        AlertType: 'K8S_AdmissionController',
        TimeGenerated: '2026-11-23T10:00:00.0000000Z',
        Severity: 'Informational',
        Status: 'New',
        SystemAlertId: id,
        Intent: 'Persistence, CredentialAccess',
        AzureResourceId: cluster,
        CompromisedEntity: 'aks-prod',
        ExtendedLinks: null,
        RemediationSteps: ['Look at it.'],
        ExtendedProperties: expect.objectContaining({
          resourceType: 'Kubernetes Service',
          EffectiveAzureResourceId: cluster,
          ProductComponentName: 'Containers',
        }),
        ResourceIdentifiers: [
          expect.objectContaining({ AzureResourceId: cluster, Type: 'AzureResource' }),
          { $id: '3', AadTenantId: SAMPLE_TENANT_ID, Type: 'AAD' },
        ],
        Entities: [
          expect.objectContaining({
            Type: 'K8s-cluster',
            CloudResource: expect.objectContaining({ $id: '5', ResourceId: cluster, Type: 'azure-resource' }),
          }),
          { $ref: '5' },
        ],
      }),
    ]);
  });

  test('what is not given has a default, also for a subscription', () => {
    harness.simulator.defender.raiseAlert({
      resourceId: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`,
      alertType: 'ARM_AnomalousOperation.Impact',
    });

    expect(exported[0]).toMatchObject({
      Severity: 'Medium',
      Intent: 'Unknown',
      AlertDisplayName: 'ARM_AnomalousOperation.Impact',
      RemediationSteps: [],
      ExtendedProperties: { resourceType: 'Subscription', ProductComponentName: 'ResourceManager' },
      Entities: [expect.objectContaining({ Type: 'azure-resource' })],
    });
  });

  test('a change of its status exports an alert again', () => {
    const { defender } = harness.simulator;
    const id = defender.raiseAlert({ resourceId: cluster, alertType: 'K8S_ExposedService' });

    for (const status of ['InProgress', 'Dismissed', 'Resolved'] as const) defender.setAlertStatus(id, status);

    expect(exported.map((message) => [message['SystemAlertId'], message['Status']])).toEqual([
      [id, 'New'],
      [id, 'InProgress'],
      [id, 'Dismissed'],
      [id, 'Resolved'],
    ]);
    expect(() => defender.setAlertStatus('nobody', 'Resolved')).toThrow('there is no alert nobody');
  });

  test('a recommendation tells what has become of it', () => {
    const { defender } = harness.simulator;
    const key = '56a83a6e-c417-42ec-b567-1e6fcb3d09a9';
    const about = { resourceId: cluster, key, displayName: 'Defender profile' };

    defender.raiseAssessment({ ...about, code: 'Unhealthy', cause: 'OffByPolicy', description: 'It is off.' });
    clock.advance(60_000);
    defender.raiseAssessment({ ...about, code: 'Unhealthy', isSnapshot: true });
    defender.raiseAssessment({ ...about, code: 'Healthy' });
    defender.raiseAssessment({ ...about, code: 'Healthy', action: 'Delete' });

    expect(exported[0]).toMatchObject({
      assessmentEventDataEnrichment: { action: 'Insert', isSnapshot: false },
      securityEventDataEnrichment: { action: 'Insert', isSnapshot: false },
      tenantId: SAMPLE_TENANT_ID,
      type: 'Microsoft.Security/assessments',
      id: `${cluster}/providers/Microsoft.Security/assessments/${key}`,
      name: key,
      properties: {
        resourceDetails: { source: 'Azure', id: cluster, resourceName: 'aks-prod' },
        displayName: 'Defender profile',
        status: { code: 'Unhealthy', cause: 'OffByPolicy', description: 'It is off.' },
        metadata: { severity: 'Medium', assessmentType: 'BuiltIn' },
      },
    });
    expect(exported.map((message) => message['assessmentEventDataEnrichment'])).toEqual([
      expect.objectContaining({ action: 'Insert' }),
      expect.objectContaining({ action: 'Write', isSnapshot: true }),
      expect.objectContaining({ action: 'Write', isSnapshot: false }),
      expect.objectContaining({ action: 'Delete' }),
    ]);
    expect(exported[2]).toMatchObject({
      properties: {
        status: {
          code: 'Healthy',
          statusChangeDate: '2026-11-23T10:01:00.0000000Z',
          firstEvaluationDate: '2026-11-23T10:00:00.0000000Z',
        },
      },
    });
    expect(defender.resources()).toEqual([]);
  });

  test('a finding below a recommendation is PascalCase and has types', () => {
    harness.simulator.defender.raiseSubAssessment({
      resourceId: sampleId('contosoacr'),
      key: 'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5',
      name: 'finding',
      code: 'Unhealthy',
      displayName: 'CVE-2026-1',
      severity: 'High',
    });

    expect(exported[0]).toMatchObject({
      $type: 'subAssessmentEvent',
      SubAssessmentEventDataEnrichment: { Action: 'Write', IsSnapshot: false },
      Type: 'Microsoft.Security/assessments/subAssessments',
      Name: 'finding',
      Properties: {
        $type: 'response/subAssessmentProperties',
        DisplayName: 'CVE-2026-1',
        Status: { $type: 'status', Code: 'Unhealthy', Severity: 'High' },
        ResourceDetails: { Id: sampleId('contosoacr') },
      },
    });
  });

  test('an Event Hub takes one event per message', () => {
    const hub = new EventHub({ name: 'defender', partitionCount: 1 });
    const send = exportTo(hub);

    send({ first: 1 });
    send({ second: 2 });

    expect(hub.read('0', -1, 10)?.map(({ body }) => body)).toEqual(['{"first":1}', '{"second":2}']);
  });
});

describe('ARM', () => {
  test('alerts are camelCase and Active; each verb changes the status and exports the alert', async () => {
    const name = harness.simulator.defender.raiseAlert({ resourceId: cluster, alertType: 'K8S_ExposedService' });

    const before = await harness.send('GET', `${alertPath(name)}?${VERSION}`);
    const answers: unknown[] = [];
    for (const verb of ['inProgress', 'dismiss', 'activate', 'resolve']) {
      const { status, text } = await harness.send('POST', `${alertPath(name)}/${verb}?${VERSION}`);
      answers.push([status, text]);
    }
    const after = await harness.send('GET', `${alertPath(name)}?${VERSION}`);

    expect(before.body).toMatchObject({
      id: alertPath(name),
      name,
      type: 'Microsoft.Security/Locations/alerts',
      properties: {
        alertType: 'K8S_ExposedService',
        status: 'Active',
        severity: 'Medium',
        timeGeneratedUtc: '2026-11-23T10:00:00.0000000Z',
        resourceIdentifiers: [{ azureResourceId: cluster, type: 'AzureResource' }],
        entities: [expect.objectContaining({ type: 'K8s-cluster' }), { $ref: '5' }],
      },
    });
    expect(answers).toEqual(Array.from({ length: 4 }, () => [204, '']));
    expect(after.body).toMatchObject({ properties: { status: 'Resolved' } });
    expect(exported.map((message) => message['Status'])).toEqual(['New', 'InProgress', 'Dismissed', 'New', 'Resolved']);
  });

  test('lists hold what lies below their scope and location', async () => {
    const { defender } = harness.simulator;
    const ofCluster = defender.raiseAlert({ resourceId: cluster, alertType: 'K8S_ExposedService' });
    const ofOther = defender.raiseAlert({ resourceId: sampleId('aks-dev'), alertType: 'K8S_ExposedService' });
    const list = async (path: string) => {
      const { value } = (await harness.send('GET', `${path}?${VERSION}`)).body;
      return Array.isArray(value) ? value.map((alert: { name: string }) => alert.name) : value;
    };

    expect(await list(`${security}/alerts`)).toEqual([ofCluster, ofOther]);
    expect(await list(`${inGroup}/alerts`)).toEqual([ofCluster]);
    expect(await list(`${inGroup}/locations/westeurope/alerts`)).toEqual([ofCluster]);
    expect(await list(`${security}/locations/centralus/alerts`)).toEqual([]);
  });

  test('every call needs its own action, and an unknown alert is 404', async () => {
    const name = harness.simulator.defender.raiseAlert({ resourceId: cluster, alertType: 'K8S_ExposedService' });
    harness.simulator.identity('dockwarden').roleAssignments =
      reader(['Microsoft.Security/locations/alerts/read'])[0]?.roleAssignments ?? [];
    const as = 'dockwarden';

    const answers = [
      await harness.send('GET', `${alertPath(name)}?${VERSION}`, { as }),
      await harness.send('GET', `${security}/alerts?${VERSION}`, { as }),
      await harness.send('POST', `${alertPath(name)}/resolve?${VERSION}`, { as }),
      await harness.send('GET', `${alertPath('nobody')}?${VERSION}`),
      await harness.send('POST', `${alertPath('nobody')}/resolve?${VERSION}`),
      await harness.send('POST', `${alertPath(name)}/forget?${VERSION}`),
    ];

    expect(answers.map(({ status }) => status)).toEqual([200, 403, 403, 404, 404, 405]);
    expect(answers[1]?.text).toContain('Microsoft.Security/alerts/read');
    expect(answers[2]?.text).toContain('Microsoft.Security/locations/alerts/resolve/action');
    expect(exported).toHaveLength(1);
  });

  test('simulated alerts bear the marks of samples', async () => {
    const path = `${security}/locations/westeurope/alerts/default/simulate?${VERSION}`;
    const body = { properties: { kind: 'Bundles', bundles: ['KubernetesService', 'KeyVaults'] } };

    const answer = await harness.send('POST', path, { body });
    const result = await harness.send('GET', String(answer.headers['location']));

    expect([answer.status, result.status]).toEqual([202, 200]);
    expect(exported).toHaveLength(2);
    expect(exported[0]).toMatchObject({
      AlertType: 'K8S_ExposedDashboard',
      AlertDisplayName: expect.stringMatching(/^\[SAMPLE ALERT\]/),
      Description: expect.stringMatching(/^THIS IS A SAMPLE ALERT/),
      Entities: [{ ThreatIntelligence: [{ ProviderName: 'AlertSimulator' }] }],
    });
  });

  test.each([
    ['no properties', {}],
    ['another kind', { properties: { kind: 'All' } }],
    ['no list', { properties: { kind: 'Bundles', bundles: 'DNS' } }],
    ['an unknown bundle', { properties: { kind: 'Bundles', bundles: ['DNS', 'Nothing'] } }],
    ['a bundle that is no text', { properties: { kind: 'Bundles', bundles: [1] } }],
  ])('a simulation with %s is refused as a whole', async (_name, body) => {
    const path = `${security}/locations/westeurope/alerts/default/simulate?${VERSION}`;

    expect((await harness.send('POST', path, { body })).status).toBe(400);
    expect(exported).toEqual([]);
  });

  test('a write that a fault makes ineffective changes no alert and exports nothing', async () => {
    const { defender, faults } = harness.simulator;
    const name = defender.raiseAlert({ resourceId: cluster, alertType: 'K8S_ExposedService' });
    faults.add({ method: 'POST', effect: { kind: 'ignore-write' } });

    const answer = await harness.send('POST', `${alertPath(name)}/resolve?${VERSION}`);
    defender.raiseAlert({ resourceId: cluster, alertType: 'K8S_ExposedRedis' });

    expect(answer.status).toBe(204);
    expect(defender.alerts().map(({ status }) => status)).toEqual(['Active', 'Active']);
    expect(exported.map((message) => message['AlertType'])).toEqual(['K8S_ExposedService', 'K8S_ExposedRedis']);
  });
});

describe('Resource Graph', () => {
  const RECENT =
    "securityresources | where type =~ 'microsoft.security/locations/alerts' | where todatetime(properties.TimeGeneratedUtc) > ago(30d) | project id, name, type, properties | order by id asc";
  const subscriptions = [SAMPLE_SUBSCRIPTION_ID];

  test('recent alerts are rows with PascalCase properties and ARM status', async () => {
    const { defender } = harness.simulator;
    defender.raiseAlert({ resourceId: cluster, alertType: 'K8S_Old' });
    clock.advance(30 * 86_400_000);
    const name = defender.raiseAlert({ resourceId: cluster, alertType: 'K8S_ExposedService' });

    const { data, totalRecords } = await harness.graph().resources({ subscriptions, query: RECENT });

    expect(totalRecords).toBe(1);
    expect(data).toEqual([
      {
        id: alertPath(name),
        name,
        type: 'microsoft.security/locations/alerts',
        properties: expect.objectContaining({
          AlertType: 'K8S_ExposedService',
          SystemAlertId: name,
          AlertDisplayName: 'K8S_ExposedService',
          Status: 'Active',
          TimeGeneratedUtc: '2026-12-23T10:00:00.0000000Z',
          ResourceIdentifiers: expect.arrayContaining([expect.objectContaining({ AzureResourceId: cluster })]),
        }),
      },
    ]);
  });

  test('pages follow the skip token', async () => {
    for (let count = 0; count < 3; count += 1) {
      harness.simulator.defender.raiseAlert({ resourceId: cluster, alertType: `K8S_${count}` });
    }

    const first = await harness.graph().resources({ subscriptions, query: RECENT, options: { top: 2 } });
    const { skipToken = '' } = first;
    const second = await harness.graph().resources({ subscriptions, query: RECENT, options: { top: 2, skipToken } });

    expect([first.count, second.count, second.skipToken]).toEqual([2, 1, undefined]);
  });

  test('recommendations are rows of their own type, with the columns of all rows', async () => {
    harness.simulator.defender.raiseAssessment({
      resourceId: cluster,
      key: 'key',
      code: 'Unhealthy',
      displayName: 'x',
    });

    const { data } = await harness.graph().resources({
      subscriptions,
      query:
        "securityresources | where type =~ 'Microsoft.Security/assessments' and properties.status.code == 'Unhealthy'",
    });

    expect(data).toEqual([
      expect.objectContaining({
        id: `${cluster}/providers/Microsoft.Security/assessments/key`,
        name: 'key',
        type: 'microsoft.security/assessments',
        tenantId: SAMPLE_TENANT_ID,
        resourceGroup: 'rg-platform-prod',
        subscriptionId: SAMPLE_SUBSCRIPTION_ID,
        location: '',
      }),
    ]);
  });

  test('findings below a recommendation are rows until they are deleted; snapshots and trials leave none', async () => {
    const { defender } = harness.simulator;
    const about = {
      resourceId: sampleId('contosoacr'),
      key: 'key',
      code: 'Unhealthy',
      displayName: 'CVE-2026-1',
      severity: 'High',
    } as const;
    const query = "securityresources | where type =~ 'Microsoft.Security/assessments/subAssessments'";
    const rows = async (as?: string) => (await harness.graph(as).resources({ subscriptions, query })).data;

    defender.raiseSubAssessment({ ...about, name: 'first', remediation: 'Update it.' });
    defender.raiseSubAssessment({ ...about, name: 'second', isSnapshot: true });
    const forget = defender.checkpoint();
    defender.raiseSubAssessment({ ...about, name: 'third' });
    forget();
    const kept = await rows();
    harness.simulator.identity('dockwarden').roleAssignments =
      reader(['Microsoft.Security/assessments/read'])[0]?.roleAssignments ?? [];
    const unseen = await rows('dockwarden');
    defender.raiseSubAssessment({ ...about, name: 'first', action: 'Delete' });

    expect(kept).toEqual([
      expect.objectContaining({
        id: `${about.resourceId}/providers/Microsoft.Security/assessments/key/subassessments/first`,
        name: 'first',
        type: 'microsoft.security/assessments/subassessments',
        properties: expect.objectContaining({
          displayName: 'CVE-2026-1',
          status: { code: 'Unhealthy', severity: 'High' },
          remediation: 'Update it.',
          resourceDetails: { source: 'Azure', id: about.resourceId },
          timeGenerated: '2026-11-23T10:00:00.0000000Z',
        }),
      }),
    ]);
    expect(unseen).toEqual([]);
    expect(await rows()).toEqual([]);
    expect(exported).toHaveLength(3);
  });

  test('only who may read alerts in the subscription sees them', async () => {
    harness.simulator.defender.raiseAlert({ resourceId: cluster, alertType: 'K8S_ExposedService' });
    const count = async (action: string, ids = subscriptions) => {
      const [{ roleAssignments } = { roleAssignments: [] }] = reader([action]);
      harness.simulator.identity('dockwarden').roleAssignments = roleAssignments;
      return (await harness.graph('dockwarden').resources({ subscriptions: ids, query: RECENT })).totalRecords;
    };

    expect(await count('Microsoft.Security/alerts/read')).toBe(1);
    expect(await count('Microsoft.Security/assessments/read')).toBe(0);
    expect(await count('Microsoft.Security/alerts/read', ['00000000-0000-4000-8000-00000000ffff'])).toBe(0);
  });

  test.each([
    ['1ms', 1],
    ['1s', 1_000],
    ['1m', 60_000],
    ['1h', 3_600_000],
    ['1.5d', 129_600_000],
  ])('ago(%s) counts back from the time of the query', async (span, milliseconds) => {
    const query = `resources | limit 1 | project at = ago(${span}), bad = todatetime('no date')`;

    const { data } = await harness.graph().resources({ subscriptions, query });

    expect(data).toEqual([{ at: new Date(clock.now().getTime() - milliseconds).toISOString(), bad: null }]);
  });
});
