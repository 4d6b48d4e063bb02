import { describe, expect, test } from 'vitest';
import { policies } from '../../../src/policy/catalogue.ts';
import type { Thresholds } from '../../../src/policy/node-health/detection.ts';
import { nodeParameters, toThresholds } from '../../../src/policy/node-health/parameters.ts';

describe('the settings of the detector', () => {
  test('have the defaults of the specification', () => {
    expect(toThresholds()).toEqual({
      rebootPendingHours: 24,
      nodeImageAgeDays: 30,
      windowsNodeImageAgeDays: 45,
      lockStuckHours: 4,
      drainGraceHours: 2,
      kernelSkewHours: 48,
      livePatchLagHours: 48,
    } satisfies Thresholds);
    expect(toThresholds({ lockStuckHours: 9 })).toMatchObject({ lockStuckHours: 9, drainGraceHours: 2 });
  });

  test.each([
    ['1', 1],
    ['24', 24],
    ['720', 720],
  ])('%s is a number of hours', (text, value) => {
    expect(nodeParameters.rebootPendingHours.parse(text)).toBe(value);
  });

  test.each(['', '0', '-1', '1.5', '721', '1e2', '024', '24h', ' 24', '99999'])('"%s" is none', (text) => {
    expect(nodeParameters.rebootPendingHours.parse(text)).toBeUndefined();
  });

  test('are all declared by some policy', () => {
    const declared = new Set(policies.flatMap(({ parameters = {} }) => Object.values(parameters)));

    expect(Object.values(nodeParameters).filter((parameter) => !declared.has(parameter))).toEqual([]);
  });
});
