import { describe, expect, test } from 'vitest';
import { renderSettingsPage } from '../../scripts/generated/settings-page.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { days, duration } from '../../src/policy/parameters.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { capSettings } from '../../src/settings/capped-settings.ts';
import { describeSettings, listSettings, type SettingsCatalogue } from '../../src/settings/catalogue.ts';
import { isAdvice } from '../../src/settings/findings.ts';
import { createReader } from '../../src/settings/read-setting.ts';
import { defineSetting } from '../../src/settings/setting.ts';
import { type Environment, parseSettings } from '../../src/settings/settings.ts';

/** A policy and a remediation whose settings have been renamed: one of them twice. */
const catalogue: SettingsCatalogue = {
  policies: [
    {
      id: 'acr-doors-closed',
      title: 'Doors are closed',
      parameters: {
        maxAge: {
          ...days('ACR_DOOR_MAX_AGE_DAYS', 90, 'Age.'),
          formerSettings: ['ACR_DOOR_AGE', 'DOORS_AGE'],
        },
      },
    },
  ],
  remediations: [
    {
      id: 'acr-close-doors',
      title: 'Close the doors',
      fixes: { id: 'acr-doors-closed' },
      yieldsTo: { grace: { ...duration('ACR_DOOR_GRACE', '24h', 'Wait.'), formerSettings: ['DOOR_PATIENCE_TIME'] } },
    },
  ],
};
const deployed: Environment = {
  SCOPES: '11111111-2222-3333-4444-555555555555',
  SWEEP_SCHEDULE: '0 0 */6 * * *',
  DOCKWARDEN_PRINCIPAL_ID: 'aaaaaaaa-0000-4000-8000-000000000003',
  AzureWebJobsStorage__accountName: 'dockwardenstore',
  REMEDIATE_ACR_CLOSE_DOORS: 'enforce',
};

function read(environment: Environment) {
  const settings = parseSettings({ ...deployed, ...environment }, catalogue);
  return {
    age: settings.parametersOf('acr-doors-closed')['maxAge'],
    grace: settings.graceOf('acr-close-doors'),
    mode: settings.modeOf('acr-close-doors'),
    problems: settings.findings.map(({ setting, problem }) => `${setting} ${problem}`),
    messages: settings.findings.map(({ message }) => message),
    isAdvice: settings.findings.map(isAdvice),
  };
}

describe('the name of an earlier version', () => {
  test.each(['ACR_DOOR_AGE', 'DOORS_AGE'])(
    '%s is honoured, and the present one named; nothing is held back',
    (name) => {
      expect(read({ [name]: '30' })).toEqual({
        age: 30,
        grace: 86_400_000,
        mode: 'enforce',
        problems: [`${name} former-name`],
        messages: [
          `${name} is called ACR_DOOR_MAX_AGE_DAYS now. Its value holds. Set ACR_DOOR_MAX_AGE_DAYS to it instead, and remove ${name}: a later version may not know that name.`,
        ],
        isAdvice: [true],
      });
    },
  );

  test('gives way to the present one, and is reported all the same', () => {
    expect(read({ ACR_DOOR_AGE: '30', ACR_DOOR_MAX_AGE_DAYS: '60' })).toMatchObject({
      age: 60,
      mode: 'enforce',
      problems: ['ACR_DOOR_AGE former-name'],
      messages: [
        'ACR_DOOR_AGE is called ACR_DOOR_MAX_AGE_DAYS now. Its value is not used, because ACR_DOOR_MAX_AGE_DAYS is set. Remove ACR_DOOR_AGE.',
      ],
    });
  });

  test('gives way to a later one of several', () => {
    expect(read({ DOORS_AGE: '10', ACR_DOOR_AGE: '30' })).toMatchObject({
      age: 30,
      problems: ['ACR_DOOR_AGE former-name', 'DOORS_AGE former-name'],
      messages: [expect.stringContaining('Its value holds'), expect.stringContaining('because ACR_DOOR_AGE is set')],
    });
  });

  test('gives way to a present one that is malformed, too: somebody meant that one', () => {
    expect(read({ ACR_DOOR_AGE: '30', ACR_DOOR_MAX_AGE_DAYS: 'soon' })).toMatchObject({
      age: 90,
      mode: 'observe',
      problems: ['ACR_DOOR_AGE former-name', 'ACR_DOOR_MAX_AGE_DAYS invalid-value'],
      isAdvice: [true, false],
    });
  });

  test('with a value that cannot be used holds back as the present one would', () => {
    expect(read({ DOOR_PATIENCE_TIME: 'a while' })).toMatchObject({
      grace: 86_400_000,
      mode: 'observe',
      problems: ['DOOR_PATIENCE_TIME invalid-value'],
      messages: [
        expect.stringMatching(/^DOOR_PATIENCE_TIME is "a while"\..* The setting is called ACR_DOOR_GRACE now\.$/),
      ],
      isAdvice: [false],
    });
  });

  test('that is misspelt is unknown, and what it would have restricted observes', () => {
    const { grace, mode, problems, messages } = read({ DOOR_PATIENCE_TIMES: '48h' });

    expect({ grace, mode, problems }).toEqual({
      grace: 86_400_000,
      mode: 'observe',
      problems: ['DOOR_PATIENCE_TIMES unknown-setting'],
    });
    expect(messages).toEqual([expect.stringContaining('no remediation goes further than observe')]);
  });

  test('counts where the present one is empty and may not be missing', () => {
    const findings = new Map();
    const setting = defineSetting<string | undefined>({
      name: 'NEW',
      formerNames: ['OLD'],
      description: '',
      format: 'text',
      default: undefined,
      examples: ['a', 'b'],
      parse: (text) => text,
      consequence: '',
      ifMissing: 'nothing is done',
    });

    expect(createReader({ NEW: '', OLD: 'x' }, findings)(setting)).toEqual({ value: 'x', isMalformed: false });
    expect([...findings.keys()]).toEqual(['OLD']);
    expect(createReader({ NEW: '' }, findings)(setting).value).toBeUndefined();
    expect(findings.get('NEW')).toMatchObject({ problem: 'missing' });
  });

  test('stands on the page about settings, behind the present one', () => {
    const declared = listSettings(catalogue);
    const page = renderSettingsPage(describeSettings(catalogue), declared);

    expect(page).toContain('Age. Formerly `ACR_DOOR_AGE`, `DOORS_AGE`: still honoured, and reported.');
    expect(page.match(/Formerly/g)).toHaveLength(2);
  });
});

test('no name, present or former, is that of two settings', () => {
  const names = listSettings({ policies, remediations, trackers }).flatMap(({ name, formerNames = [] }) => [
    name,
    ...formerNames,
  ]);

  expect(names.length).toBeGreaterThan(50);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test('a lower cap holds for every remediation, is among the findings, and changes the hash', () => {
  const settings = parseSettings(deployed, catalogue);
  const finding = { setting: 'schema', problem: 'schema-newer', message: 'why' } as const;

  const capped = capSettings(settings, 'observe', finding);

  expect([settings.cap, settings.modeOf('acr-close-doors')]).toEqual(['enforce', 'enforce']);
  expect([capped.cap, capped.modeOf('acr-close-doors')]).toEqual(['observe', 'observe']);
  expect(capped.findings).toEqual([finding]);
  expect(capped.hash).toMatch(/^[0-9a-f]{12}$/);
  expect(capped.hash).not.toBe(settings.hash);
  expect(capSettings(parseSettings({ ...deployed, DOCKWARDEN_MODE: 'off' }, catalogue), 'observe', finding).cap).toBe(
    'off',
  );
});
