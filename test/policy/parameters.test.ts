import { describe, expect, test } from 'vitest';
import { days, duration, vaultAddress } from '../../src/policy/parameters.ts';

const hour = 3_600_000;

describe('days', () => {
  const maxAge = days('ACR_PASSWORD_MAX_AGE_DAYS', 90, 'Age.');

  test.each([
    ['1', 1],
    ['90', 90],
    ['3650', 3650],
  ])('%s is %i', (text, value) => {
    expect(maxAge.parse(text)).toBe(value);
  });

  test.each(['', '0', '-1', '+1', '1.5', '1e2', '0x10', '007', '3651', '10000', ' 90', '90 ', '90d', 'ninety'])(
    '"%s" is not a number of days',
    (text) => {
      expect(maxAge.parse(text)).toBeUndefined();
    },
  );
});

describe('duration', () => {
  const grace = duration('ACR_ROTATION_GRACE', '24h', 'Grace.');

  test.each([
    ['0h', 0],
    ['1h', hour],
    ['24h', 24 * hour],
    ['2d', 48 * hour],
    ['30d', 720 * hour],
    ['720h', 720 * hour],
  ])('%s is %i milliseconds', (text, value) => {
    expect(grace.parse(text)).toBe(value);
  });

  test.each(['', '24', 'h', '31d', '721h', '-1h', '1.5h', '24H', '1w', '1000h', ' 1h', '1h '])(
    '"%s" is not a duration',
    (text) => {
      expect(grace.parse(text)).toBeUndefined();
    },
  );

  test('its default is written as its values are; one that cannot be read does not wait', () => {
    expect(grace.default).toBe(24 * hour);
    expect(duration('X', '999d', 'X.').default).toBe(0);
  });
});

describe('the address of a vault', () => {
  const vault = vaultAddress('ACR_ROTATED_PASSWORD_VAULT', 'Vault.');

  test.each([
    ['https://contoso-kv.vault.azure.net', 'https://contoso-kv.vault.azure.net'],
    ['https://Contoso-kv.vault.azure.net/', 'https://contoso-kv.vault.azure.net'],
    ['https://localhost:8443', 'https://localhost:8443'],
  ])('%s is %s', (text, value) => {
    expect(vault.parse(text)).toBe(value);
  });

  test.each([
    '',
    'contoso-kv',
    'http://contoso-kv.vault.azure.net',
    'https://contoso-kv.vault.azure.net/x',
    'https://a:99999',
    'https://a b',
  ])('"%s" is none', (text) => {
    expect(vault.parse(text)).toBeUndefined();
  });
});
