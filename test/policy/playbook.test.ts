import { describe, expect, test } from 'vitest';
import { alert, exposure, known } from '../../src/policy/defender/alert-example.ts';
import { credentialAlerts, judgeAlerts } from '../../src/policy/defender/alert-parts.ts';
import { otherwise, playbook, respondTo } from '../../src/policy/defender/playbook.ts';
import { type ResourceType, resourceTypes } from '../../src/resources/resource-map.ts';

const REGISTRY: ResourceType = 'Microsoft.ContainerRegistry/registries';
const CLUSTER: ResourceType = 'Microsoft.ContainerService/managedClusters';
const STOLEN = ['re-evaluate', 'credentials-compromised'];
const NOW = new Date('2026-11-02T12:00:00Z');

function responsesTo(type: string, intent = '', resource: ResourceType = REGISTRY): readonly string[] {
  return respondTo({ type, intent }, resource).responses;
}

describe('the playbook', () => {
  test.each(playbook)('answers an alert of `$prefix` $intent as its row says, in any casing', (entry) => {
    const { because, intent = '', prefix, resource = REGISTRY, responses } = entry;

    for (const type of [`${prefix}X`, `${prefix}X`.toUpperCase(), `${prefix}X`.toLowerCase()]) {
      expect(respondTo({ type, intent: intent.toUpperCase() }, resource)).toBe(entry);
    }
    expect(responses).toContain('re-evaluate');
    expect(because).toMatch(/^[A-Z].*\.$/);
  });

  test.each([
    ['ARM_AnomalousOperation.CredentialAccess', STOLEN],
    ['ARM_AnomalousServiceOperation.CredentialAccess', STOLEN],
    ['ARM_AnomalousOperation.Impact', ['re-evaluate']],
    ['ARM_MicroBurst.AzKeyVaultKeysREST', STOLEN],
    ['RM_MicroBurst.AzureRmVMBulkCMD', STOLEN],
    ['ARM_PowerZure.RunCodeOnBehalf', STOLEN],
    ['ARM_NetSPI.MaintainPersistence', STOLEN],
    ['ARM_MicroBurst', ['re-evaluate']],
    ['X_ARM_MicroBurst.X', ['re-evaluate']],
    ['ACR_SomethingNew', STOLEN],
    ['K8S_ExposedDashboard', ['re-evaluate']],
    ['Nobody.Knows', ['re-evaluate']],
    ['', ['re-evaluate']],
    ['__proto__', ['re-evaluate']],
  ])('answers %s of a registry with %j', (type, responses) => {
    expect(responsesTo(type)).toEqual(responses);
  });

  test.each([
    ['CredentialAccess', STOLEN],
    ['Persistence, credentialaccess', STOLEN],
    [' CREDENTIALACCESS ,x', STOLEN],
    ['CredentialAccessX', ['re-evaluate']],
    ['Persistence CredentialAccess', ['re-evaluate']],
    ['', ['re-evaluate']],
  ])('takes the intent `%s` for what it says', (intent, responses) => {
    expect(responsesTo('K8S_Unheard', intent)).toEqual(responses);
  });

  test('knows nothing of passwords where there are none', () => {
    for (const resource of resourceTypes.filter((type) => type !== REGISTRY))
      expect(respondTo({ type: 'ARM_AnomalousOperation.CredentialAccess', intent: 'CredentialAccess' }, resource)).toBe(
        otherwise,
      );
  });

  test('lets the first row decide that fits', () => {
    const [first] = playbook;

    expect(respondTo({ type: 'ACR_X', intent: 'CredentialAccess' }, REGISTRY)).toBe(first);
    expect(respondTo({ type: 'ACR_X', intent: '' }, REGISTRY)).toBe(playbook.at(-1));
  });
});

describe('an alert', () => {
  test.each([
    [{}, true],
    [{ raisedAt: '2026-08-04T12:00:00.001Z' }, true],
    [{ raisedAt: '2026-08-04T12:00:00.000Z' }, false],
    // Clocks differ.
    [{ raisedAt: '2026-11-02T12:05:00.000Z' }, true],
    [{ status: 'closed' as const }, false],
  ])('counts for 90 days, unless it is closed: %j is %s', (change, isActive) => {
    const stolen = alert({ type: 'ACR_Stolen', ...change });

    expect(credentialAlerts({ alerts: [alert(), stolen] }, NOW)).toEqual(isActive ? [stolen] : []);
    expect(judgeAlerts(known([stolen]), REGISTRY, NOW).verdict).toBe(isActive ? 'violation' : 'compliant');
  });
});

describe('a verdict on alerts', () => {
  test('has a ticket for 50 of them at most, the worst first, and leaves those of the others as they are', () => {
    const alerts = Array.from({ length: 60 }, (_, index) =>
      alert({ id: `a${index}`, type: `T${index}`, severity: index < 50 ? 'Low' : 'High' }),
    );
    const verdict = judgeAlerts(known(alerts), CLUSTER, NOW);

    expect(verdict).toMatchObject({ verdict: 'violation', evidence: { activeAlerts: 60 } });
    const parts = ('parts' in verdict && verdict.parts) || [];
    expect(parts.map(({ verdict: each }) => each)).toEqual([
      ...Array.from({ length: 50 }, () => 'violation'),
      ...Array.from({ length: 10 }, () => 'unknown'),
    ]);
    expect(parts.slice(0, 11).map(({ name }) => name)).toEqual([
      ...Array.from({ length: 10 }, (_, index) => `a${50 + index}`),
      'a0',
    ]);
    const types = verdict.verdict === 'violation' ? String(verdict.evidence['types']) : '';
    expect(types.split(', ')).toHaveLength(10);
  });

  test('keeps a ticket for each open one however many were closed, and closes that of each closed one', () => {
    const over = Array.from({ length: 60 }, (_, index) => alert({ id: `c${index}`, status: 'closed' }));
    const verdict = judgeAlerts(known([...over, alert({ id: 'open' })]), CLUSTER, NOW);
    const parts = ('parts' in verdict && verdict.parts) || [];

    expect(parts.filter(({ verdict: each }) => each === 'violation').map(({ name }) => name)).toEqual(['open']);
    expect(parts.filter(({ verdict: each }) => each === 'compliant')).toHaveLength(60);
  });

  test('names first what the accounts of the alert did', () => {
    const changes = ['a', 'b', 'c'].map((actor) => exposure({ actor, correlationId: `c-${actor}` }));
    const verdict = judgeAlerts(known([alert({ accounts: 'x b' })], { changes }), CLUSTER, NOW);
    const [part] = ('parts' in verdict && verdict.parts) || [];
    const lines = String(part?.evidence['recentChanges']).split('\n');

    expect(part?.evidence['accounts']).toBe('x b');
    expect(lines.map((line) => /correlation id c-(.)/.exec(line)?.[1])).toEqual(['b', 'c', 'a']);
    expect(lines.map((line) => line.includes('whom the alert names'))).toEqual([true, false, false]);
  });

  test('names the last twenty changes, the newest first', () => {
    const changes = Array.from({ length: 22 }, (_, index) => exposure({ correlationId: `c-${index}` }));
    const verdict = judgeAlerts(known([alert()], { changes }), CLUSTER, NOW);
    const [part] = ('parts' in verdict && verdict.parts) || [];
    const lines = String(part?.evidence['recentChanges']).split('\n');

    expect(lines).toHaveLength(20);
    expect(lines[0]).toContain('(correlation id c-21)');
    expect(lines[19]).toContain('(correlation id c-2)');
  });

  test('says nothing of the tokens of a registry where they do not matter', () => {
    const verdict = judgeAlerts(known([alert()], { tokens: 'unreadable' }), REGISTRY, NOW);
    const [part] = ('parts' in verdict && verdict.parts) || [];

    expect(part).not.toHaveProperty('items');
    expect(part?.evidence).not.toHaveProperty('tokens');
  });
});
