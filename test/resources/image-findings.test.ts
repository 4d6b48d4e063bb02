import { expect, test } from 'vitest';
import { chooseStatus } from '../../src/resources/image-findings.ts';

test.each([
  [[], undefined],
  [['Healthy'], 'Healthy'],
  [[''], ''],
  [['Healthy', 'Unhealthy'], 'Unhealthy'],
  [['', 'Unscanned', 'UNHEALTHY', 'Healthy'], 'UNHEALTHY'],
  [['Healthy', ''], ''],
  [['NotApplicable', 'healthy', 'Unscanned'], 'Unscanned'],
  [['NotApplicable', 'Healthy'], 'NotApplicable'],
])('of what scanners say, %j, counts %j: that something was found, else what nobody can read', (statuses, chosen) => {
  expect(chooseStatus(statuses)).toBe(chosen);
});
