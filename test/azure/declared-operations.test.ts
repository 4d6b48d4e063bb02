import { expect, it } from 'vitest';
import { engineReads, queryResources } from '../../src/azure/resources.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { samples } from './operation-samples.ts';

it('every operation that the product declares is called here', () => {
  const declared = [...engineReads, ...remediations.flatMap(({ uses }) => Object.values(uses))];

  expect(new Set([...samples.map(({ operation }) => operation.id), queryResources.id])).toEqual(
    new Set(declared.map(({ id }) => id)),
  );
});
