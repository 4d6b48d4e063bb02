import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { queryAlerts } from '../../src/azure/defender.ts';
import { queryImageFindings } from '../../src/azure/image-findings.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { FixedClock } from '../simulator/harness.ts';
import { type AzureHarness, failureOf, startAzure } from './azure-harness.ts';

let azure: AzureHarness;
let clock: FixedClock;
beforeEach(async () => {
  clock = new FixedClock();
  azure = await startAzure({ clock });
});
afterEach(async () => {
  await azure.stop();
});

const DAY = 86_400_000;
const registry = sampleId('contosoacr');
/** The present scanner, the one before, and the preview of the present one. */
const PRESENT = 'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5';
const FORMER = 'dbd0cb49-b563-45e7-9724-889e799fa648';
const PREVIEW = '33422d8f-ab1e-42be-bc9a-38685bb567b9';
const broken = [
  ['without data', { status: 200, headers: { 'content-type': 'application/json' }, body: {} }, 'AZURE_TRANSIENT'],
  ['with a refusal', { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } }, 'AZURE_DENIED'],
  ['with throttling', { status: 429 }, 'AZURE_TRANSIENT'],
] as const;

const about = (resourceId: string, key: string | undefined = PRESENT) =>
  ({ resourceId, key: key ?? '', displayName: 'Images should have vulnerability findings resolved' }) as const;
const askAlerts = async (skipToken?: string) =>
  await queryAlerts.run(azure.context(), [SAMPLE_SUBSCRIPTION_ID], skipToken);
const askImages = async () => await queryImageFindings.run(azure.context(), parseResourceId(registry));

function find(name: string, severity: 'Low' | 'Medium' | 'High', more: object = {}): void {
  azure.simulator.defender.raiseSubAssessment({ ...about(registry), code: 'Unhealthy', name, severity, ...more });
}

describe('alerts', () => {
  it.each([
    ['Active', 29, 'found'],
    ['Active', 31, 'left out'],
    ['InProgress', 31, 'left out'],
    ['Resolved', 31, 'found'],
    ['Dismissed', 89, 'found'],
    ['Resolved', 91, 'left out'],
  ] as const)('that are %s after %d days are %s', async (status, days, result) => {
    azure.simulator.defender.raiseAlert({ resourceId: registry, alertType: 'ARM_AnomalousOperation.Impact', status });
    clock.advance(days * DAY);

    const { resources } = await askAlerts();

    expect(resources).toHaveLength(result === 'found' ? 1 : 0);
  });

  it('are read page by page, open and closed', async () => {
    azure.simulator.limits.enabled = false;
    const { defender } = azure.simulator;
    const ids = Array.from({ length: 1001 }, () =>
      defender.raiseAlert({ resourceId: registry, alertType: 'ARM_AnomalousOperation.CredentialAccess' }),
    );
    defender.setAlertStatus(ids[0] ?? '', 'Resolved');

    const first = await askAlerts();
    const second = await askAlerts(first.skipToken);

    const read = [...first.resources, ...second.resources];
    expect([first.resources.length, second.resources.length, second.skipToken]).toEqual([1000, 1, undefined]);
    expect(new Set(read.map(({ name }) => name))).toEqual(new Set(ids));
    expect(read.find(({ name }) => name === ids[0])?.['properties']).toMatchObject({
      Status: 'Resolved',
      AlertType: 'ARM_AnomalousOperation.CredentialAccess',
    });
  });

  it.each(broken)('answered %s are an error, never none', async (_how, answer, code) => {
    azure.simulator.faults.add({ effect: { kind: 'answer', ...answer } });

    expect((await failureOf(queryAlerts, askAlerts()))?.code).toBe(code);
  });
});

describe('findings in the images of a registry', () => {
  it('are counted by severity, those of this registry that are open', async () => {
    const { defender } = azure.simulator;
    defender.raiseAssessment({ ...about(registry), code: 'Unhealthy' });
    defender.raiseAssessment({ ...about(registry, FORMER), code: 'NotApplicable' });
    find('one', 'High');
    find('two', 'High');
    find('three', 'Low');
    find('mended', 'High', { code: 'Healthy' });
    find('elsewhere', 'High', { resourceId: sampleId('contosobuild') });
    find('other', 'High', { key: '56a83a6e-c417-42ec-b567-1e6fcb3d09a9' });

    expect(await askImages()).toEqual({
      status: 'Unhealthy',
      counts: new Map([
        ['High', 2],
        ['Low', 1],
      ]),
    });
    expect(azure.simulator.requests).toHaveLength(1);
  });

  it.each([
    [undefined, []],
    ['Healthy', ['Healthy']],
    ['Unhealthy', ['Healthy', 'Unhealthy']],
    ['Unhealthy', ['Unhealthy', 'Healthy']],
    ['Unhealthy', ['Healthy', 'NotApplicable', 'Unhealthy']],
  ] as const)('have the status %s after %j', async (status, codes) => {
    for (const [index, code] of codes.entries())
      azure.simulator.defender.raiseAssessment({ ...about(registry, [FORMER, PRESENT, PREVIEW][index]), code });

    expect(await askImages()).toEqual({ status, counts: new Map() });
  });

  it('of the preview are findings like the others', async () => {
    azure.simulator.defender.raiseAssessment({ ...about(registry, PREVIEW), code: 'Unhealthy' });
    find('one', 'High', { key: PREVIEW });

    expect(await askImages()).toEqual({ status: 'Unhealthy', counts: new Map([['High', 1]]) });
  });

  it('need both permissions: without them nothing was scanned, as far as anybody can see', async () => {
    azure.simulator.defender.raiseAssessment({ ...about(registry), code: 'Unhealthy' });
    find('one', 'High');
    const [assignment] = azure.simulator.identity('dockwarden').roleAssignments;
    if (assignment === undefined) throw new Error('the identity has no role');
    const see = async (...actions: readonly string[]) => {
      azure.simulator.identity('dockwarden').roleAssignments = [{ ...assignment, actions }];
      return await askImages();
    };

    expect(queryImageFindings.actions).toHaveLength(2);
    expect(await see('Microsoft.Security/assessments/read')).toEqual({ status: 'Unhealthy', counts: new Map() });
    expect(await see()).toEqual({ status: undefined, counts: new Map() });
  });

  it.each(broken)('answered %s are an error, never none', async (_how, answer, code) => {
    azure.simulator.faults.add({ effect: { kind: 'answer', ...answer } });

    expect((await failureOf(queryImageFindings, askImages()))?.code).toBe(code);
  });
});
