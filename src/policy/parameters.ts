import type { Parameter } from './define-policy.ts';

/** A whole number of days, 1 to 3650. */
export function days(setting: string, defaultDays: number, description: string): Parameter<number> {
  return {
    setting,
    default: defaultDays,
    description,
    format: 'a whole number of days from 1 to 3650',
    examples: ['30', '365'],
    parse: (text) => parseWhole(text, 1, 3650),
  };
}

/** A duration written as `<n>h` or `<n>d`; its value is milliseconds. `0h` switches the waiting off. */
export function duration(
  setting: string,
  defaultText: `${number}${'h' | 'd'}`,
  description: string,
): Parameter<number> {
  return {
    setting,
    default: parseDuration(defaultText) ?? 0,
    description,
    format: 'hours or days, for example 24h or 2d; at most 30d; 0h means do not wait',
    examples: ['12h', '2d'],
    parse: parseDuration,
  };
}

/** The address of a key vault, or none. Whether it may get a token is for those to say who know the cloud. */
export function vaultAddress(setting: string, description: string): Parameter<string | undefined> {
  return {
    setting,
    default: undefined,
    description,
    format:
      'https://<name>.vault.azure.net, without a path; where DOCKWARDEN_VAULT_DNS_SUFFIX names another domain, a host below that',
    examples: ['https://contoso-kv.vault.azure.net', 'https://fabrikam-kv.vault.azure.net'],
    parse: parseVaultAddress,
  };
}

function parseVaultAddress(text: string): string | undefined {
  if (!/^https:\/\/[a-z0-9.-]+(?::\d{1,5})?\/?$/i.test(text)) return undefined;
  return URL.parse(text)?.origin;
}

function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,3})([hd])$/.exec(text);
  if (match === null) return undefined;
  const hours = Number(match[1]) * (match[2] === 'd' ? 24 : 1);
  return hours <= 30 * 24 ? hours * 3_600_000 : undefined;
}

function parseWhole(text: string, low: number, high: number): number | undefined {
  if (!/^[1-9]\d{0,3}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= low && value <= high ? value : undefined;
}
