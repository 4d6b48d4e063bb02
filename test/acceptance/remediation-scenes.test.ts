import { expect, it } from 'vitest';
import { remediations } from '../../src/remediations/catalogue.ts';
import { listTested, scenes, scenesElsewhere } from './remediation-scenes.ts';

it('every remediation has a scene, so that no fault and no undo passes it by', () => {
  const policyOf = new Map(remediations.map(({ id, fixes }) => [id, fixes.id]));

  expect(listTested()).toEqual(remediations.map(({ id }) => id).toSorted());
  for (const { remediationId, policyId } of [...scenes, ...scenesElsewhere])
    expect([remediationId, policyOf.get(remediationId)]).toEqual([remediationId, policyId]);
});

it('only a rotation cannot be taken back', () => {
  const final = remediations.filter(({ irreversible }) => irreversible !== undefined);

  expect(final.map(({ id }) => id)).toEqual([
    'acr-rotate-compromised-passwords',
    'acr-rotate-second-password',
    'kv-rotate-key',
  ]);
});
