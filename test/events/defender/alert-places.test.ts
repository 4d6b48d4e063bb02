import { describe, expect, test } from 'vitest';
import { parseDefender } from '../../../src/events/defender/parse-defender.ts';
import { alertOf, CLUSTER, causeOf, exported, MACHINE, outcomeOf, REGISTRY, VAULT } from './samples.ts';

const effective = (id: string) => ({ ExtendedProperties: { EffectiveAzureResourceId: id } });

describe('the resource of an alert that names several', () => {
  test.each([
    ['a part of a registry that ARM does not know', `${REGISTRY}/repository`],
    ['a digest', `${REGISTRY}/images/shop@sha256:aa#x/y`],
    ['a path that leads out', `${REGISTRY}/../other`],
    ['a subscription that is none', REGISTRY.replace('11111111-', '')],
    ['an extension of a machine', `${MACHINE}/providers/Microsoft.KeyVault/vaults/shop-vault`],
  ])('is the first that can be read, if the one before is odd: %s', (_what, odd) => {
    expect(causeOf(exported(effective(odd))).resourceId.id).toBe(CLUSTER);
    expect(causeOf(exported({ ...effective(odd), ResourceIdentifiers: [{ AzureResourceId: VAULT }] }))).toMatchObject({
      resourceId: { id: VAULT },
    });
  });

  test('is odd as the first of them is, if none can be read', () => {
    const change = {
      ...effective(`${REGISTRY}/one`),
      AzureResourceId: `${CLUSTER}/two`,
      Entities: [{ ResourceId: MACHINE }],
    };

    expect(parseDefender(exported(change))).toMatchObject({
      result: 'invalid',
      reason: 'invalid-resource-id',
      detail: expect.stringContaining('/one'),
      eventId: 'alert-1',
    });
  });
});

describe('the id of an alert that the REST API names outside, too', () => {
  const { SystemAlertId: _, ...properties } = exported();

  test.each([
    ['null', null],
    ['empty', ''],
    ['a number', 7],
    ['absent', undefined],
  ])('is the outer name where the inner one is %s', (_what, SystemAlertId) => {
    expect(alertOf({ name: 'abc', properties: { ...properties, SystemAlertId } }).id).toBe('abc');
  });

  test('is missing where neither is one', () => {
    expect(outcomeOf({ name: '../x', properties: { ...properties, SystemAlertId: null } })).toBe(
      'invalid missing-field:systemAlertId',
    );
    expect(outcomeOf({ name: 'abc', properties: { ...properties, SystemAlertId: '../x' } })).toBe(
      'invalid missing-field:systemAlertId',
    );
  });
});

describe('an alert that leads to nothing', () => {
  const time = '2026-11-02T18:37:16.485Z';

  test.each([
    ['a sample', { AlertDisplayName: '[SAMPLE ALERT] x' }],
    ['a test', { AlertType: 'VM_EICAR' }],
    ['one about a machine', { AzureResourceId: MACHINE }],
    ['one without an id', { SystemAlertId: null }],
    ['one with an odd resource', { AzureResourceId: `${CLUSTER}/odd` }],
  ])('says when it was raised: %s', (_what, change) => {
    expect(parseDefender(exported(change))).toMatchObject({ time });
  });

  test('says when it was processed, if it does not say that', () => {
    const change = { TimeGenerated: 'soon', ProcessingEndTimeUtc: time };

    expect(parseDefender(exported(change))).toMatchObject({ reason: 'missing-field:timeGenerated', time });
    expect(parseDefender(exported({ TimeGenerated: 'soon' }))).not.toHaveProperty('time');
  });
});
