import { assert, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseImageVersion } from '../../../src/policy/node-health/image-version.ts';

describe('the version of a node image', () => {
  test.each([
    ['AKSWindows-2022-containerd-20348.3932.250710', '2025-07-10', 'akswindows-2022-containerd-20348.3932.250710'],
    ['AKSWindows-2019-17763.1577.201111', '2020-11-11', 'akswindows-2019-17763.1577.201111'],
    ['AKSUbuntu-2204gen2containerd-202410.27.0', '2024-10-27', 'aksubuntu-2204gen2containerd-202410.27.0'],
    ['AKSUbuntu-2204gen2containerd-202410.27.0-2024.12.01', '2024-12-01', 'aksubuntu-2204gen2containerd-202410.27.0'],
    ['AKSUbuntu-2204gen2containerd-202410.27.0-2024.09.01', '2024-10-27', 'aksubuntu-2204gen2containerd-202410.27.0'],
    ['AKSAzureLinux-V3gen2-202608.14.12', '2026-08-14', 'aksazurelinux-v3gen2-202608.14.12'],
    ['AKSUbuntu-1804gen2containerd-2021.05.19', '2021-05-19', 'aksubuntu-1804gen2containerd-2021.05.19'],
    ['AKSUbuntu:1604:2020.03.11', '2020-03-11', 'aksubuntu:1604:2020.03.11'],
  ])('%s is of %s', (text, day, identity) => {
    expect(parseImageVersion(text)).toEqual({ identity, date: Date.parse(`${day}T00:00:00Z`) });
  });

  test.each([
    undefined,
    '',
    'AKS',
    'Ubuntu-2204-202410.27.0',
    'AKSUbuntu-2204gen2containerd-202413.27.0',
    'AKSUbuntu-2204gen2containerd-202402.30.0',
    'AKSUbuntu-2204gen2containerd-202410.27.0-2024.02.30',
    'AKSUbuntu-1804gen2containerd-2021.13.19',
    'AKSWindows-2022-containerd-20348.3932.250799',
    'AKSUbuntu-<img src=x>-202410.27.0',
    'AKSUbuntu-2204 -202410.27.0',
    `AKSUbuntu-${'2'.repeat(200)}-202410.27.0`,
  ])('version %# is not read', (text) => {
    expect(parseImageVersion(text)).toBeUndefined();
  });

  test('any text is read or refused', () => {
    const found: unknown[] = [];
    assert(
      property(string(), (tail) => {
        found.push(parseImageVersion(`AKSUbuntu-${tail}`), parseImageVersion(tail));
      }),
    );

    expect(found.length).toBeGreaterThan(100);
  });
});
