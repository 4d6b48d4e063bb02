import { expect, it } from 'vitest';
import { remediations } from '../../src/remediations/catalogue.ts';
import { scenes } from './remediation-scenes.ts';

it('every remediation has a scene, so that no fault and no undo passes it by', () => {
  expect(scenes.map(({ remediationId }) => remediationId)).toEqual(remediations.map(({ id }) => id));
  expect(scenes.map(({ policyId }) => policyId)).toEqual(remediations.map(({ fixes }) => fixes.id));
});

it('only a rotation cannot be taken back', () => {
  const final = remediations.filter(({ irreversible }) => irreversible !== undefined);

  expect(final.map(({ id }) => id)).toEqual(['acr-rotate-second-password']);
});
