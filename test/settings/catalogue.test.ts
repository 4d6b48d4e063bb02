import { describe, expect, test } from 'vitest';
import { policies } from '../../src/policy/catalogue.ts';
import type { Parameter } from '../../src/policy/define-policy.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { describeSettings, listSettings, toSettingName } from '../../src/settings/catalogue.ts';
import { parseSettings } from '../../src/settings/settings.ts';

const catalogue = { policies, remediations, trackers };
const settings = listSettings(catalogue);
/** Without its own identity everything is capped. */
const identified = { DOCKWARDEN_PRINCIPAL_ID: 'aaaaaaaa-0000-4000-8000-000000000003' };

/** What else has to be set for a setting to have an effect. */
function contextOf(name: string): Readonly<Record<string, string>> {
  if (name === 'TICKETS_SYSTEM') return { ...systems['AZURE_DEVOPS'] };
  const [, system] = /^TICKETS_(AZURE_DEVOPS|GITHUB|REDMINE|WEBHOOK)_/.exec(name) ?? [];
  return system === undefined ? {} : (systems[system] ?? {});
}

const systems: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  AZURE_DEVOPS: {
    TICKETS_SYSTEM: 'azure-devops',
    TICKETS_AZURE_DEVOPS_ORGANIZATION: 'contoso',
    TICKETS_AZURE_DEVOPS_PROJECT: 'Platform',
  },
  GITHUB: {
    TICKETS_SYSTEM: 'github',
    TICKETS_GITHUB_REPOSITORY: 'contoso/ops',
    TICKETS_GITHUB_TOKEN: 'github_pat_0123456789',
  },
  REDMINE: {
    TICKETS_SYSTEM: 'redmine',
    TICKETS_REDMINE_URL: 'https://redmine.example',
    TICKETS_REDMINE_API_KEY: '0123456789abcdef0123456789abcdef01234567',
    TICKETS_REDMINE_PROJECT: 'ops',
    TICKETS_REDMINE_TRACKER_ID: '2',
    TICKETS_REDMINE_FIELD_ID: '2',
  },
  WEBHOOK: {
    TICKETS_SYSTEM: 'webhook',
    TICKETS_WEBHOOK_URL: 'https://hooks.example/tickets',
    TICKETS_WEBHOOK_SECRET: '0123456789abcdef0123456789abcdef',
  },
};

test('there is a setting for every remediation, policy, parameter and grace', () => {
  const names = describeSettings(catalogue).map(({ name }) => name);

  expect(names).toEqual(expect.arrayContaining(remediations.map(({ id }) => toSettingName('REMEDIATE', id))));
  expect(names).toEqual(expect.arrayContaining(policies.map(({ id }) => toSettingName('POLICY', id))));
  for (const { parameters = {} } of policies) {
    expect(names).toEqual(expect.arrayContaining(Object.values(parameters).map(({ setting }) => setting)));
  }
  expect(names).toEqual(
    expect.arrayContaining(
      trackers.map(({ id }) => toSettingName('REMEDIATE', id)).flatMap((name) => [name, `${name}_SCOPE`]),
    ),
  );
  for (const { yieldsTo } of remediations) expect([undefined, ...names]).toContain(yieldsTo?.grace.setting);
});

test('every setting has a name of its own', () => {
  const names = settings.map(({ name }) => name.toUpperCase());

  expect(names.length).toBeGreaterThan(15);
  expect(new Set(names).size).toBe(names.length);
});

test('what several policies share is the same for all of them, and listed once', () => {
  const shared = new Map<string, Set<string>>();
  for (const parameter of policies.flatMap(({ parameters = {} }) => Object.values<Parameter>(parameters))) {
    const kinds = shared.get(parameter.setting) ?? new Set();
    shared.set(parameter.setting, kinds.add(JSON.stringify(parameter)));
  }

  expect([...shared].filter(([, kinds]) => kinds.size > 1)).toEqual([]);
});

test.each(settings.filter(({ secret }) => secret !== true))(
  '$name does something different for each of its two examples',
  (setting) => {
    const [one, other] = setting.examples.map((example) =>
      parseSettings({ ...identified, ...contextOf(setting.name), [setting.name]: example }, catalogue),
    );

    expect(one?.findings.some(({ setting: name }) => name === setting.name)).toBe(false);
    expect(other?.findings.some(({ setting: name }) => name === setting.name)).toBe(false);
    expect(one?.hash).not.toBe(other?.hash);
  },
);

test.each(settings.filter(({ secret }) => secret === true))(
  'the secret $name shows references in its examples, and works for what they stand for',
  (setting) => {
    const of = (text: string | undefined) =>
      parseSettings({ ...identified, ...contextOf(setting.name), [setting.name]: text }, catalogue);
    const [one, other] = ['one', 'other'].map((word) => of(word.padEnd(40, 'x')));

    for (const example of setting.examples) {
      expect(example).toMatch(
        /^@Microsoft\.KeyVault\(SecretUri=https:\/\/kv\.vault\.azure\.net\/secrets\/[a-z0-9-]+\)$/,
      );
    }
    expect(new Set(setting.examples).size).toBe(2);
    expect(one?.findings.filter(({ setting: name }) => name === setting.name)).toEqual([]);
    expect(one?.tickets).not.toEqual(other?.tickets);
    // The hash tells whether there is one, and not which.
    expect(one?.hash).toBe(other?.hash);
    expect(of(undefined).hash).not.toBe(one?.hash);
  },
);

describe.each(settings)('the setting $name', (setting) => {
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
