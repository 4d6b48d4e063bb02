import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { throttle } from '../support/throttle.ts';

const REGISTRY = sampleId('contosobuild');
const CLUSTER = sampleId('aks-prod');
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const ALL: Readonly<Record<string, string>> = {
  ...ENFORCING,
  DEFENDER_ALERTS_POLLING: 'on',
  // What these do by themselves is another story.
  REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe',
  REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'observe',
  REMEDIATE_AKS_ADD_REQUIRED_TAGS: 'observe',
  REMEDIATE_ACR_ROTATE_COMPROMISED_PASSWORDS: 'enforce',
  REMEDIATE_ACR_TRACK_ALERTS: 'enforce',
  REMEDIATE_AKS_TRACK_ALERTS: 'enforce',
};

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

async function start(environment: Readonly<Record<string, string>> = ALL): Promise<void> {
  engine = await startEngine({ environment });
}

const registryState = () => engine.simulator.state.get(REGISTRY)?.properties ?? {};
const passwords = () => engine.simulator.state.passwordsOf(REGISTRY);
const fixesBy = (remediationId: string) =>
  engine.audit('outcome').filter((row) => row.remediationId === remediationId && row.outcome === 'fixed');
const inputs = () => engine.audit('input').map(({ reason }) => reason);
const alertTickets = () => engine.tickets().filter(({ policyId }) => policyId.endsWith('-alerts-closed'));

/** Somebody gets at the passwords, and Defender notices. */
function steal(change: Readonly<Record<string, unknown>> = {}): string {
  engine.simulator.as('operator').post(`${REGISTRY}/listCredentials`);
  engine.clock.advance(MINUTE);
  return engine.simulator.defender.raiseAlert({
    resourceId: REGISTRY,
    alertType: 'ARM_AnomalousOperation.CredentialAccess',
    severity: 'High',
    displayName: 'Suspicious invocation of a high-risk credential access operation',
    description: 'Somebody who never did so before listed the credentials of the registry.',
    intent: 'CredentialAccess',
    remediationSteps: ['Ask the owner of the account whether that was them.'],
    ...change,
  });
}

describe('an alert that says that credentials of a registry are stolen', () => {
  it('leads to new passwords, a disabled admin user, a ticket, and an audit that tells the story', async () => {
    await start();
    const alertId = steal();
    const before = passwords();
    await engine.settle(MINUTE);

    expect(registryState()).toMatchObject({ adminUserEnabled: false });
    for (const name of ['password', 'password2']) {
      expect(before?.[name]).toBeTypeOf('string');
      expect(passwords()?.[name]).not.toBe(before?.[name]);
    }
    const [fixed, ...others] = fixesBy('acr-rotate-compromised-passwords');
    expect(others).toEqual([]);
    expect(fixed).toMatchObject({ causeKind: 'alert', causeId: alertId, policyId: 'acr-credentials-not-compromised' });
    const calls: unknown = JSON.parse(fixed?.operations ?? '[]');
    expect(calls).toMatchObject([
      { operation: 'registries.regenerateCredential', args: ['password'], result: 'done' },
      { operation: 'registries.regenerateCredential', args: ['password2'], result: 'done' },
      { operation: 'registries.update', args: [{ adminUserEnabled: false }], result: 'done' },
    ]);
    expectRecordedMutations(engine);
    expectSettled(engine);
  });

  it('has a ticket at once, with the words of Defender, the intent, the link, and who did what lately', async () => {
    await start();
    const operator = engine.simulator.identity('operator').objectId;
    const alertId = steal();
    await engine.settle(MINUTE);

    const [ticket, ...others] = alertTickets();
    expect(others).toEqual([]);
    expect(ticket).toMatchObject({
      state: 'open',
      discriminator: alertId,
      severity: 'high',
      title: 'contosobuild: Defender alert: Suspicious invocation of a high-risk credential access operation',
    });
    const evidence: unknown = JSON.parse(ticket?.evidence ?? '{}');
    expect(evidence).toMatchObject({
      alertType: 'ARM_AnomalousOperation.CredentialAccess',
      mitreIntent: 'CredentialAccess',
      description: 'Somebody who never did so before listed the credentials of the registry.',
      advice: 'Ask the owner of the account whether that was them.',
    });
    expect(ticket?.evidence).toContain('"links":"https://portal.azure.com/');
    expect(ticket?.evidence).toContain(`registries/listCredentials/action by ${operator}`);
    expect(ticket?.evidence).toContain('"response":"re-evaluate, credentials-compromised');
  });

  it('is followed once, however often it is exported, polled and swept', async () => {
    await start();
    const message = { ...(await exportedAlert()) };
    for (let time = 0; time < 5; time += 1) await acceptEvents(engine.context(), message, 'defender-alerts');
    await engine.settle(MINUTE);
    await sweepResources(engine.context());
    await engine.settle(MINUTE);

    expect(fixesBy('acr-rotate-compromised-passwords')).toHaveLength(1);
    expect(alertTickets()).toHaveLength(1);
  });

  it.each([
    ['the resource is read', 'GET', /registries\/contosobuild\?/],
    ['its passwords are renewed', 'POST', /regenerateCredential/],
  ] as const)('has a ticket at once, even if Azure asks to wait for an hour when %s', async (_what, method, path) => {
    await start();
    throttle(engine, { method, path, caller: 'dockwarden', times: Infinity });
    steal();
    await engine.settle(MINUTE);

    expect(alertTickets()).toMatchObject([{ state: 'open' }]);
  });

  it('stays exempted, where somebody has done that, while Azure does not answer', async () => {
    await start();
    const alert = { resourceId: REGISTRY, alertType: 'ARM_AnomalousOperation.Impact' } as const;
    const until = new Date(engine.clock.now().getTime() + 10 * DAY).toISOString().slice(0, 10);
    const tags = { 'dockwarden-exempt-acr-alerts-closed': `${until};known;CHG-1` };
    engine.simulator.as('operator').patch(REGISTRY, { tags });
    engine.simulator.defender.raiseAlert(alert);
    await engine.settle(MINUTE);
    throttle(engine, { method: 'GET', path: /contosobuild\?/, times: Infinity });
    engine.simulator.defender.raiseAlert(alert);
    await engine.settle(MINUTE);

    expect(alertTickets()).toEqual([]);
    const finding = engine.findings().find(({ policyId }) => policyId === 'acr-alerts-closed');
    expect(finding).toMatchObject({ decision: 'exempt' });
  });

  it('is found by polling where nothing is exported', async () => {
    await start();
    steal();
    engine.exported.length = 0;
    engine.events.length = 0;
    await sweepResources(engine.context());
    await engine.settle(MINUTE);

    expect(fixesBy('acr-rotate-compromised-passwords')).toHaveLength(1);
    expect(alertTickets()).toMatchObject([{ state: 'open' }]);
  });

  it('ends with the alert also where nothing is exported, however late it is closed', async () => {
    await start();
    const id = steal();
    engine.exported.length = 0;
    await sweepResources(engine.context());
    await engine.settle(MINUTE);
    engine.clock.advance(40 * DAY);
    engine.simulator.defender.setAlertStatus(id, 'Dismissed');
    engine.exported.length = 0;

    await sweepResources(engine.context());
    await engine.settle(MINUTE);

    expect(alertTickets()).toMatchObject([{ state: 'resolved' }]);
  });

  it('ends with the alert: closed in Defender, the ticket is closed at once', async () => {
    await start();
    const alertId = steal();
    await engine.settle(MINUTE);
    engine.clock.advance(MINUTE);
    engine.simulator.defender.setAlertStatus(alertId, 'Resolved');
    await engine.settle(MINUTE);

    expect(alertTickets()).toMatchObject([{ state: 'resolved', resolution: 'closed-at-source' }]);
    expect(inputs()).toContain('alert-closed');
    const finding = engine.findings().find(({ policyId }) => policyId === 'acr-alerts-closed');
    expect(finding).toMatchObject({ status: 'closed', closedBecause: 'compliant' });
  });

  it('does not fight over the admin user: enabled again, it has passwords that nobody stole', async () => {
    await start();
    steal();
    await engine.settle(MINUTE);
    engine.clock.advance(DAY);
    engine.simulator.as('operator').patch(REGISTRY, { properties: { adminUserEnabled: true } });
    await engine.settle(MINUTE);

    expect(fixesBy('acr-rotate-compromised-passwords')).toHaveLength(1);
    expect(registryState()).toMatchObject({ adminUserEnabled: true });
  });

  it.each([
    ['observe', { REMEDIATE_ACR_ROTATE_COMPROMISED_PASSWORDS: 'observe' }],
    ['the kill switch', { DOCKWARDEN_MODE: 'observe' }],
    ['an approval that is missing', { REMEDIATE_ACR_ROTATE_COMPROMISED_PASSWORDS: 'approve' }],
    ['a scope that it is not in', { REMEDIATE_ACR_ROTATE_COMPROMISED_PASSWORDS_SCOPE: 'env=nowhere' }],
  ])('changes nothing under %s', async (_what, change) => {
    await start({ ...ALL, ...change });
    steal();
    await engine.settle(MINUTE);

    expect(engine.mutations()).toEqual([]);
    expect(registryState()).toMatchObject({ adminUserEnabled: true });
    // The ticket is there all the same, in the table at least.
    expect(alertTickets()).toHaveLength(1);
  });

  it('is exempted by a tag, and what Defender says is not hidden by that', async () => {
    await start();
    const until = new Date(engine.clock.now().getTime() + 10 * DAY).toISOString().slice(0, 10);
    const tags = { 'dockwarden-exempt-acr-credentials-not-compromised': `${until};migration;CHG-1` };
    engine.simulator.as('operator').patch(REGISTRY, { tags });
    await engine.settle(MINUTE);
    steal();
    await engine.settle(MINUTE);

    expect(engine.mutations()).toEqual([]);
    expect(alertTickets()).toMatchObject([{ state: 'open' }]);
  });

  it('waits for no back-off of an earlier failure, and for no wake-up that was planned', async () => {
    await start({ ...ALL, REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce' });
    throttle(engine, { method: 'GET', path: /registries\/contosobuild\?/, times: 1 });
    engine.simulator.as('operator').patch(REGISTRY, { tags: { touched: 'yes' } });
    await engine.settle(MINUTE);
    expect(engine.work().some(({ notBefore }) => notBefore !== undefined)).toBe(true);
    steal();
    await engine.settle(MINUTE);

    expect(fixesBy('acr-rotate-compromised-passwords')).toHaveLength(1);
  });
});

/** The message that Defender would export. */
async function exportedAlert(): Promise<Record<string, unknown>> {
  steal();
  await engine.settle(0);
  const [message] = engine.exported.splice(0);
  if (message === undefined) {
    const [alert] = engine.simulator.defender.alerts();
    if (alert === undefined) throw new Error('nothing was raised');
    engine.simulator.defender.setAlertStatus(alert.systemAlertId, 'Active');
  }
  return engine.exported.splice(0)[0] ?? message ?? {};
}

describe('any other alert', () => {
  it('has a ticket, and changes nothing by itself', async () => {
    await start();
    engine.simulator.defender.raiseAlert({ resourceId: CLUSTER, alertType: 'K8S_ExposedDashboard', severity: 'High' });
    await engine.settle(MINUTE);

    expect(alertTickets()).toMatchObject([{ policyId: 'aks-alerts-closed', state: 'open' }]);
    expect(engine.mutations()).toEqual([]);
  });

  it('has a ticket even if the resource cannot be read: that may be the doing of the attacker', async () => {
    await start();
    engine.simulator.faults.add({
      path: /managedClusters\/aks-prod\?|tags\/default/i,
      times: Infinity,
      effect: { kind: 'answer', status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } },
    });
    engine.simulator.defender.raiseAlert({ resourceId: CLUSTER, alertType: 'K8S_ExposedDashboard', severity: 'High' });
    await engine.settle(MINUTE);

    expect(alertTickets()).toMatchObject([{ policyId: 'aks-alerts-closed', state: 'open' }]);
    const finding = engine.findings().find(({ policyId }) => policyId === 'aks-required-tags-present');
    expect(finding).toMatchObject({ verdict: 'unknown' });
  });

  it('about a resource that is gone, or of a subscription that is not ours, is on record and acknowledged', async () => {
    await start();
    const ids = [
      REGISTRY.replace('contosobuild', 'goneacr'),
      REGISTRY.replace(/subscriptions\/[^/]+/, 'subscriptions/99999999-9999-4999-8999-999999999999'),
    ];
    for (const id of ids)
      engine.simulator.defender.raiseAlert({ resourceId: id, alertType: 'ARM_MicroBurst.AzKeyVaultSecretsREST' });
    await engine.settle(DAY);

    expect(engine.mutations()).toEqual([]);
    expect(engine.queue).toEqual([]);
    expect(engine.tables.alerts.rows).toHaveLength(2);
    const gone = engine.audit('input').filter(({ reason }) => reason === 'resource-gone');
    expect(new Set(gone.map(({ resourceId }) => resourceId))).toEqual(new Set(ids));
    expect(gone).toMatchObject([{ causeKind: 'alert' }, { causeKind: 'alert' }]);
  });
});

describe('R43: what Defender sends', () => {
  it('leads to a finding, is ignored with a record, or is kept and acknowledged', async () => {
    await start();
    const raised = steal();
    const [recorded] = engine.exported.splice(0);
    if (recorded === undefined) throw new Error('nothing was exported');
    // Longer than the one that was raised, which may begin with any digit.
    const id = (digit: string) => `${digit}${raised}`;
    const sent: readonly (readonly [what: string, message: unknown])[] = [
      ['recorded export', recorded],
      ['Logic App', { ...recorded, SystemAlertId: id('b'), associatedResource: REGISTRY }],
      ['sample', { ...recorded, SystemAlertId: id('c'), AlertDisplayName: '[SAMPLE ALERT] nothing happened' }],
      ['resolved', { ...recorded, SystemAlertId: id('d'), Status: 'Resolved' }],
      ['unknown type', { ...recorded, SystemAlertId: id('e'), AlertType: 'BrandNew_Thing', Intent: 'Impact' }],
      ['truncated', JSON.stringify(recorded).slice(0, 400)],
    ];
    for (const [, message] of sent) await acceptEvents(engine.context(), message, 'defender-alerts');
    await engine.settle(MINUTE);

    expect(
      alertTickets()
        .map(({ discriminator }) => discriminator)
        .toSorted(),
    ).toEqual([raised, id('b'), id('e')].toSorted());
    expect(new Set(inputs())).toEqual(new Set(['not-json', 'sample-alert', 'alert-closed']));
    expect(engine.poison.map(({ name }) => name.split('/')[0])).toEqual(['defender-alerts']);
    expect(fixesBy('acr-rotate-compromised-passwords')).toHaveLength(1);
  });
});

describe('a recommendation', () => {
  it('that is not met leads to a look, and what is in images to one ticket for each registry', async () => {
    await start({ ...ALL, REMEDIATE_ACR_TRACK_IMAGE_VULNERABILITIES: 'enforce' });
    const key = 'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5';
    const assess = (code: 'Healthy' | 'Unhealthy') =>
      engine.simulator.defender.raiseAssessment({ resourceId: REGISTRY, key, code, displayName: 'images' });
    assess('Unhealthy');
    for (const [index, severity] of (['High', 'High', 'Low'] as const).entries())
      engine.simulator.defender.raiseSubAssessment({
        resourceId: REGISTRY,
        key,
        name: `00000000-0000-4000-8000-00000000000${index}`,
        code: 'Unhealthy',
        displayName: 'a weakness',
        severity,
      });
    await engine.settle(2 * DAY);
    const ticket = () => engine.tickets().find(({ policyId }) => policyId === 'acr-image-vulnerabilities-resolved');
    expect(JSON.parse(ticket()?.evidence ?? '{}')).toEqual({ status: 'Unhealthy', findingsHigh: 2, findingsLow: 1 });

    assess('Healthy');
    await engine.settle(DAY);
    await sweepResources(engine.context());
    await engine.settle(DAY);
    expect(ticket()?.state).toBe('resolved');
  });

  it('that is met, deleted or a snapshot leads to nothing', async () => {
    await start();
    const about = { resourceId: CLUSTER, key: '56a83a6e-c417-42ec-b567-1e6fcb3d09a9', displayName: 'profile' } as const;
    engine.simulator.defender.raiseAssessment({ ...about, code: 'Healthy' });
    engine.simulator.defender.raiseAssessment({ ...about, code: 'Unhealthy', isSnapshot: true });
    engine.simulator.defender.raiseAssessment({ ...about, code: 'Unhealthy', action: 'Delete' });
    await engine.deliverEvents();
    expect(engine.queue).toEqual([]);

    engine.simulator.defender.raiseAssessment({ ...about, code: 'Unhealthy' });
    await engine.deliverEvents();
    expect(engine.queue).toHaveLength(1);
  });
});

describe('an alert', () => {
  it('lets what has failed be tried again at once', async () => {
    await start({
      ...ALL,
      REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce',
      REMEDIATE_ACR_ROTATE_COMPROMISED_PASSWORDS: 'off',
    });
    const refused = engine.simulator.faults.add({
      method: 'PATCH',
      path: /registries\/contosobuild\?/,
      times: Infinity,
      effect: { kind: 'answer', status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } },
    });
    engine.simulator.as('operator').patch(REGISTRY, { tags: { touched: 'yes' } });
    await engine.settle(MINUTE);
    expect(engine.audit('outcome').at(-1)).toMatchObject({ outcome: 'denied' });
    refused.remove();
    engine.simulator.as('operator').patch(REGISTRY, { tags: { touched: 'again' } });
    await engine.settle(MINUTE);
    expect(registryState()).toMatchObject({ adminUserEnabled: true });

    steal({ alertType: 'ARM_OperationFromSuspiciousIP', intent: 'Execution' });
    await engine.settle(MINUTE);
    expect(registryState()).toMatchObject({ adminUserEnabled: false });
  });

  it('from the future is one of today', async () => {
    await start();
    steal();
    const [message] = engine.exported.splice(0);
    const future = { TimeGenerated: '2999-01-01T00:00:00Z', ProcessingEndTime: '2999-01-01T00:00:00Z' };
    await acceptEvents(engine.context(), { ...message, ...future }, 'defender-alerts');

    const now = engine.clock.now().toISOString();
    expect(engine.tables.alerts.rows[0]?.columns).toMatchObject({ raisedAt: now, changedAt: now, receivedAt: now });
  });

  it('about a cluster is not taken for an agent pool of it', async () => {
    await start();
    const id = engine.simulator.defender.raiseAlert({ resourceId: CLUSTER, alertType: 'K8S_ExposedDashboard' });
    await engine.settle(MINUTE);

    const [row, ...others] = engine.audit('ticket');
    expect(others).toEqual([]);
    expect(row?.error).toContain(`alert ${id}`);
  });
});
