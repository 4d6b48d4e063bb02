import { describe, expect, test } from 'vitest';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { describeSettings, listSettings, toSettingName } from '../../src/settings/catalogue.ts';
import { parseSettings } from '../../src/settings/settings.ts';

const catalogue = { policies, remediations };
const settings = listSettings(catalogue);
/** Without its own identity everything is capped. */
const identified = { DOCKWARDEN_PRINCIPAL_ID: 'aaaaaaaa-0000-4000-8000-000000000003' };

test('there is a setting for every remediation, policy, parameter and grace', () => {
  const names = describeSettings(catalogue).map(({ name }) => name);

  expect(names).toEqual(expect.arrayContaining(remediations.map(({ id }) => toSettingName('REMEDIATE', id))));
  expect(names).toEqual(expect.arrayContaining(policies.map(({ id }) => toSettingName('POLICY', id))));
  for (const { parameters = {} } of policies) {
    expect(names).toEqual(expect.arrayContaining(Object.values(parameters).map(({ setting }) => setting)));
  }
  for (const { yieldsTo } of remediations) expect([undefined, ...names]).toContain(yieldsTo?.grace.setting);
});

test('every setting has a name of its own', () => {
  const names = settings.map(({ name }) => name.toUpperCase());

  expect(names.length).toBeGreaterThan(15);
  expect(new Set(names).size).toBe(names.length);
});

describe.each(settings)('the setting $name', (setting) => {
  test('does something different for each of its two examples', () => {
    const [one, other] = setting.examples.map((example) =>
      parseSettings({ ...identified, [setting.name]: example }, catalogue),
    );

    expect(one?.findings.some(({ setting: name }) => name === setting.name)).toBe(false);
    expect(other?.findings.some(({ setting: name }) => name === setting.name)).toBe(false);
    expect(one?.hash).not.toBe(other?.hash);
  });

  test('has a default that its own parser reads as the default', () => {
    const described = describeSettings(catalogue).find(({ name }) => name === setting.name);
    const text = described?.default ?? 'missing';

    const isDefault = text === '' && setting.default === undefined;
    expect(isDefault ? setting.default : setting.parse(text)).toEqual(setting.default);
  });

  test('is described for people', () => {
    expect(setting.description).toMatch(/^.{20,300}$/);
    expect(setting.format).toMatch(/^.{2,400}$/);
    expect(setting.consequence).toMatch(/^[a-z].{5,150}[^.]$/);
  });
});

test('a default without a plausible text is shown as JSON', () => {
  const weekdays = {
    setting: 'AKS_DAYS',
    default: ['mon'],
    description: 'Days.',
    format: 'day names',
    examples: ['tue', 'wed'] as const,
    parse: (text: string) => [text],
  };
  const policy = { id: 'aks-days-known', title: 'Days', parameters: { weekdays } };

  const described = describeSettings({ policies: [policy], remediations: [] });

  expect(described.find(({ name }) => name === 'AKS_DAYS')?.default).toBe('["mon"]');
});
