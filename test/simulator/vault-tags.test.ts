import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startVaultHarness, type VaultHarness } from './vault-harness.ts';

let harness: VaultHarness;
beforeEach(async () => {
  harness = await startVaultHarness();
});
afterEach(async () => {
  await harness.stop();
});

type Tags = Readonly<Record<string, string>>;
const many = (count: number): Tags => Object.fromEntries(Array.from({ length: count }, (_, i) => [`t${i}`, 'x']));
const LONGEST = 'x'.repeat(256);

/** Who sets tags: on a new key, on a key that is there, and on a secret. */
const writes: Readonly<Record<string, (tags: Tags) => Promise<unknown>>> = {
  'a new key': async (tags) => await harness.keys().createEcKey('fresh', { tags }),
  'a changed key': async (tags) => await harness.keys().updateKeyProperties('k', { tags }),
  'a secret': async (tags) => await harness.secrets().setSecret('s', 'x', { tags }),
};

describe.each(Object.keys(writes))('the tags of %s', (name) => {
  const write = async (tags: Tags): Promise<unknown> => await writes[name]?.(tags);
  beforeEach(() => {
    harness.vault.createKey('k', { kty: 'EC', tags: { before: 'x' } });
  });

  test('are 15 at most, each with up to 256 characters in name and value', async () => {
    const tags = { ...many(14), [LONGEST]: LONGEST };

    expect(await write(tags)).toMatchObject({ properties: { tags } });
  });

  test.each([
    ['16 tags', many(16)],
    ['a name of 257 characters', { [`${LONGEST}x`]: 'x' }],
    ['a value of 257 characters', { registry: `${LONGEST}x` }],
  ])('are refused with %s, and nothing is kept', async (_what, tags) => {
    await expect(write(tags)).rejects.toMatchObject({ statusCode: 400, code: 'BadParameter' });
    expect(harness.vault.key('fresh')).toBeUndefined();
    expect(harness.vault.key('k')?.tags).toEqual({ before: 'x' });
    expect(harness.vault.secret('s')).toBeUndefined();
  });
});
