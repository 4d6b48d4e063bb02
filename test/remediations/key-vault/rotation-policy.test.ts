import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addRotation, daysIn, isSamePolicy, policyOf } from '../../../src/remediations/key-vault/rotation-policy.ts';
import { RotationPolicy } from '../../../src/resources/key-vault.ts';

const ACTIONS = '/properties/rotationPolicy/lifetimeActions';
const EXPIRY = '/properties/rotationPolicy/attributes/expiryTime';
const notify = (timeBeforeExpiry: unknown) => ({ trigger: { timeBeforeExpiry }, action: { type: 'notify' } });
const rotate = (timeAfterCreate: string) => ({ trigger: { timeAfterCreate }, action: { type: 'rotate' } });

describe('the length of a duration', () => {
  it.each([
    ['P30D', 30],
    ['P2Y', 730.5],
    ['P18M', 547.875],
    ['P1Y2M3W4D', 365.25 + 60.875 + 21 + 4],
    ['P7DT12H30M', 7],
    [' p90d ', 90],
  ])('of %s is counted in days', (text, days) => {
    expect(daysIn(text)).toBeCloseTo(days, 3);
  });

  it.each(['', 'P', 'PT1H', '30D', 'P-1D', 'P1.5D', 'two years'])('of %j is not known', (text) => {
    expect(daysIn(text)).toBeUndefined();
  });
});

const from = (raw: unknown) => addRotation(RotationPolicy.parse(raw));

describe('a rotation policy that rotates', () => {
  it('renews after 18 months, tells 30 days before the end, and lets versions live two years', () => {
    const policy = {
      expiresIn: 'P2Y',
      lifetimeActions: [
        { action: 'Rotate', timeAfterCreate: 'P18M' },
        { action: 'Notify', timeBeforeExpiry: 'P30D' },
      ],
    };

    for (const raw of [undefined, null, {}, { lifetimeActions: 'none' }, { lifetimeActions: [notify(undefined)] }])
      expect(from(raw)).toEqual(policy);
  });

  it.each([
    ['P3Y', 'P3Y'],
    ['P19M', 'P19M'],
    ['P18M', 'P2Y'],
    ['P18M6D', 'P2Y'],
    ['P90D', 'P2Y'],
    ['for ever', 'P2Y'],
  ])('keeps an expiry of %s only where the rotation comes a week before it: %s', (expiryTime, kept) => {
    expect(from({ attributes: { expiryTime } }).expiresIn).toBe(kept);
  });

  it.each([
    ['P60D', 'P60D'],
    ['P7D', 'P7D'],
    ['P6D', 'P30D'],
    ['P2Y', 'P30D'],
    ['soon', 'P30D'],
    [1, 'P30D'],
  ])('keeps a notice of %s only where Azure allows it: %s', (time, kept) => {
    expect(from({ lifetimeActions: [notify(time)] }).lifetimeActions[1]).toEqual({
      action: 'Notify',
      timeBeforeExpiry: kept,
    });
  });

  it('keeps the first notice that is allowed, and nothing that is no notice', () => {
    const other = { trigger: { timeBeforeExpiry: 'P50D' }, action: { type: 'paint' } };

    expect(from({ lifetimeActions: [other, notify('P1D'), notify('P45D'), notify('P46D')] }).lifetimeActions).toEqual([
      { action: 'Rotate', timeAfterCreate: 'P18M' },
      { action: 'Notify', timeBeforeExpiry: 'P45D' },
    ]);
  });

  it('is one that Azure takes, whatever was there before', () => {
    const duration = fc.tuple(fc.nat(4000), fc.constantFrom('D', 'M', 'Y')).map(([count, unit]) => `P${count}${unit}`);
    fc.assert(
      fc.property(duration, duration, (expiryTime, notice) => {
        const { expiresIn = '', lifetimeActions } = from({
          attributes: { expiryTime },
          lifetimeActions: [notify(notice)],
        });
        const life = daysIn(expiresIn) ?? 0;
        const before = daysIn(lifetimeActions[1]?.timeBeforeExpiry ?? '') ?? 0;
        expect(life).toBeGreaterThanOrEqual(28);
        expect(life - (daysIn('P18M') ?? 0)).toBeGreaterThanOrEqual(7);
        expect(before).toBeGreaterThanOrEqual(7);
        expect(life - before).toBeGreaterThanOrEqual(7);
      }),
    );
  });
});

describe('the policy of recorded values', () => {
  it('is what Azure does without one where none was recorded', () => {
    expect(policyOf({})).toEqual({ lifetimeActions: [{ action: 'Notify', timeBeforeExpiry: 'P30D' }] });
  });

  it('is written as the data plane spells it', () => {
    expect(policyOf({ [ACTIONS]: [rotate('P90D'), notify('P20D')], [EXPIRY]: 'P1Y' })).toEqual({
      expiresIn: 'P1Y',
      lifetimeActions: [
        { action: 'Rotate', timeAfterCreate: 'P90D' },
        { action: 'Notify', timeBeforeExpiry: 'P20D' },
      ],
    });
    expect(policyOf({ [ACTIONS]: [], [EXPIRY]: null })).toEqual({ lifetimeActions: [] });
  });

  it('is the same where it does the same: order and spelling do not count, nor that one was never set', () => {
    const one = { [ACTIONS]: [notify('P30D'), rotate('P90D')], [EXPIRY]: 'P1Y' };
    const spelt = { trigger: { timeAfterCreate: 'P90D', timeBeforeExpiry: null }, action: { type: 'Rotate' } };

    expect(isSamePolicy(one, { [ACTIONS]: [spelt, notify('P30D')], [EXPIRY]: 'P1Y' })).toBe(true);
    expect(isSamePolicy({}, { [ACTIONS]: [notify('P30D')], [EXPIRY]: null })).toBe(true);
    expect(isSamePolicy(one, { ...one, [EXPIRY]: 'P2Y' })).toBe(false);
    expect(isSamePolicy(one, { ...one, [ACTIONS]: [notify('P30D')] })).toBe(false);
    expect(isSamePolicy({}, one)).toBe(false);
  });
});
