import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { days, duration, vaultAddress } from '../../src/policy/parameters.ts';
import type { SettingsCatalogue } from '../../src/settings/catalogue.ts';
import { describeSettings } from '../../src/settings/catalogue.ts';
import { safetySettings } from '../../src/settings/safety-settings.ts';
import { type Environment, type Mode, parseSettings, type Settings } from '../../src/settings/settings.ts';
import { durationLookalikes, lookalikes, numberLookalikes, urlLookalikes } from './lookalikes.ts';

const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
const OTHER_SUBSCRIPTION = '66666666-7777-8888-9999-aaaaaaaaaaaa';

/** Two policies and their remediations, and a third remediation whose id begins like another's. */
const catalogue: SettingsCatalogue = {
  policies: [
    {
      id: 'acr-doors-closed',
      title: 'Doors are closed',
      parameters: { maxAge: days('ACR_DOOR_MAX_AGE_DAYS', 90, 'Age.') },
    },
    { id: 'aks-lights-off', title: 'Lights are off' },
  ],
  remediations: [
    {
      id: 'acr-close-doors',
      title: 'Close the doors',
      fixes: { id: 'acr-doors-closed' },
      yieldsTo: { grace: duration('ACR_DOOR_GRACE', '24h', 'Wait.') },
      storesIn: vaultAddress('ACR_DOOR_VAULT', 'Where the new keys go.'),
    },
    { id: 'aks-switch-lights', title: 'Switch the lights off', fixes: { id: 'aks-lights-off' } },
    { id: 'aks-switch-lights-later', title: 'Switch the lights off later', fixes: { id: 'aks-lights-off' } },
  ],
  trackers: [{ id: 'acr-track-doors', title: 'Tickets for open doors', tracks: { id: 'acr-doors-closed' } }],
};
const CLOSE = 'REMEDIATE_ACR_CLOSE_DOORS';
const LIGHTS = 'REMEDIATE_AKS_SWITCH_LIGHTS';
const TRACK = 'REMEDIATE_ACR_TRACK_DOORS';
/** Everything that a deployed app has; no findings. */
const deployed: Environment = {
  PATH: '/usr/bin',
  FUNCTIONS_WORKER_RUNTIME: 'node',
  SCOPES: SUBSCRIPTION,
  SWEEP_SCHEDULE: '0 0 */6 * * *',
  DOCKWARDEN_PRINCIPAL_ID: 'aaaaaaaa-0000-4000-8000-000000000003',
  AzureWebJobsStorage__accountName: 'dockwardenstore',
};
const enforced: Environment = { ...deployed, [CLOSE]: 'enforce', [LIGHTS]: 'enforce' };

function parse(environment: Environment): Settings {
  return parseSettings(environment, catalogue);
}

function modes(settings: Settings): readonly Mode[] {
  return catalogue.remediations.map(({ id }) => settings.modeOf(id));
}

function problems(settings: Settings): readonly string[] {
  return settings.findings.map(({ setting, problem }) => `${setting} ${problem}`);
}

describe('what is not set', () => {
  test('leaves every remediation at observe, every policy on and every parameter at its default', () => {
    const settings = parse(deployed);

    expect(settings.cap).toBe('enforce');
    expect(modes(settings)).toEqual(['observe', 'observe', 'observe']);
    expect(settings.isPolicyOn('acr-doors-closed')).toBe(true);
    expect(settings.parametersOf('acr-doors-closed')).toEqual({ maxAge: 90 });
    expect(settings.parametersOf('aks-lights-off')).toEqual({});
    expect(settings.graceOf('acr-close-doors')).toBe(86_400_000);
    expect(settings.graceOf('aks-switch-lights')).toBe(0);
    expect(settings.secretVaultOf('acr-close-doors')).toBeUndefined();
    expect(settings.secretVaultOf('aks-switch-lights')).toBeUndefined();
    expect(settings.findings).toEqual([]);
    expect(settings).toMatchObject({
      scopes: [SUBSCRIPTION],
      sweepSchedule: '0 0 */6 * * *',
      actorNames: false,
      ownPrincipalId: 'aaaaaaaa-0000-4000-8000-000000000003',
      armEndpoint: 'https://management.azure.com',
      tokenScope: 'https://management.azure.com/.default',
      vaults: { dnsSuffix: 'vault.azure.net', scope: 'https://vault.azure.net/.default' },
      storage: {
        queue: 'https://dockwardenstore.queue.core.windows.net',
        table: 'https://dockwardenstore.table.core.windows.net',
        blob: 'https://dockwardenstore.blob.core.windows.net',
      },
    });
    expect(settings).not.toHaveProperty('identityClientId');
  });

  test('is a finding where something is lost without it', () => {
    const settings = parse({});

    expect(problems(settings).toSorted()).toEqual([
      'AzureWebJobsStorage__accountName missing',
      'DOCKWARDEN_PRINCIPAL_ID missing',
      'SCOPES missing',
      'SWEEP_SCHEDULE missing',
    ]);
    expect(settings.scopes).toEqual([]);
    expect(settings.storage).toEqual({});
  });

  test('may also be empty for the list of scopes', () => {
    expect(problems(parse({ ...deployed, SCOPES: '' }))).toEqual(['SCOPES missing']);
  });
});

describe('a mode', () => {
  const levels: readonly Mode[] = ['off', 'observe', 'approve', 'enforce'];

  test.each(levels.flatMap((cap) => levels.map((own) => [cap, own] as const)))(
    'capped at %s and set to %s is the lower',
    (cap, own) => {
      const settings = parse({ ...deployed, DOCKWARDEN_MODE: cap, [CLOSE]: own });

      expect(settings.cap).toBe(cap);
      expect(settings.modeOf('acr-close-doors')).toBe(levels[Math.min(levels.indexOf(cap), levels.indexOf(own))]);
      expect(settings.findings).toEqual([]);
    },
  );

  test('of an unknown remediation, or anything of an unknown policy, is a defect of ours', () => {
    const settings = parse(deployed);

    expect(() => settings.modeOf('acr-open-doors')).toThrow('acr-open-doors');
    expect(() => settings.graceOf('toString')).toThrow('toString');
    expect(() => settings.isPolicyOn('acr-doors-open')).toThrow('acr-doors-open');
    expect(() => settings.parametersOf('__proto__')).toThrow('__proto__');
  });

  test('is enforce only for exactly that text', () => {
    const nearly = fc.constantFrom(...lookalikes('enforce'));
    const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), nearly, fc.mixedCase(fc.constant('enforce')));
    fc.assert(
      fc.property(text, (value) => {
        fc.pre(value !== 'enforce');
        expect(parse({ ...enforced, [CLOSE]: value }).modeOf('acr-close-doors')).not.toBe('enforce');
        expect(modes(parse({ ...enforced, DOCKWARDEN_MODE: value }))).not.toContain('enforce');
      }),
      { numRuns: 1000 },
    );
  });
});

interface MalformedKind {
  readonly setting: string;
  readonly texts: readonly string[];
  /** Modes of the three remediations while the text stands there; the first two are set to enforce. */
  readonly expected: readonly Mode[];
  /** Words of the message that tell what would be valid. */
  readonly valid: string;
  /** What is no secret here but a valid text. */
  readonly isValid?: (text: string) => boolean;
}

const onlyCloseDrops: readonly Mode[] = ['observe', 'enforce', 'observe'];
const allDrop: readonly Mode[] = ['observe', 'observe', 'observe'];
const noneDrops: readonly Mode[] = ['enforce', 'enforce', 'observe'];
const malformedKinds: readonly MalformedKind[] = [
  {
    setting: 'DOCKWARDEN_MODE',
    texts: lookalikes('enforce'),
    expected: allDrop,
    valid: 'off, observe, approve or enforce',
  },
  { setting: CLOSE, texts: lookalikes('enforce'), expected: onlyCloseDrops, valid: 'off, observe, approve or enforce' },
  { setting: 'POLICY_ACR_DOORS_CLOSED', texts: lookalikes('on'), expected: onlyCloseDrops, valid: 'on or off' },
  {
    setting: 'ACR_DOOR_MAX_AGE_DAYS',
    texts: numberLookalikes('90'),
    expected: onlyCloseDrops,
    valid: 'whole number of days',
  },
  {
    setting: 'ACR_DOOR_GRACE',
    texts: [...lookalikes('24h'), '24', '24H', '31d', '-1h', '1.5h'],
    expected: onlyCloseDrops,
    valid: '24h',
  },
  { setting: 'AUDIT_ACTOR_NAMES', texts: lookalikes('on'), expected: noneDrops, valid: 'on or off' },
  {
    setting: 'DOCKWARDEN_ARM_ENDPOINT',
    texts: urlLookalikes('https://management.azure.com'),
    expected: allDrop,
    valid: 'https://host',
  },
  {
    setting: 'DOCKWARDEN_ARM_SCOPE',
    texts: [...urlLookalikes('https://management.azure.com/.default'), 'https://management.azure.com'],
    expected: allDrop,
    valid: 'https://host/.default',
  },
  {
    setting: 'DOCKWARDEN_VAULT_DNS_SUFFIX',
    texts: [
      ...lookalikes('vault.azure.net').filter((text) => !/^[a-z](?:[a-z.]*[a-z])?$/.test(text)),
      '.vault.azure.net',
      '*.vault.azure.net',
      'vault..net',
      '-vault.net',
      'vault-.net',
      'Vault.azure.net',
      'https://vault.azure.net',
      'vault.azure.net:443',
      'vault.azure.net/',
      'a'.repeat(254),
    ],
    expected: allDrop,
    valid: 'a DNS name',
    isValid: (text) => /^x+$/.test(text),
  },
  {
    setting: 'DOCKWARDEN_VAULT_SCOPE',
    texts: [...urlLookalikes('https://vault.azure.net/.default'), 'https://vault.azure.net'],
    expected: allDrop,
    valid: 'https://host/.default',
  },
  {
    setting: 'ACR_DOOR_VAULT',
    texts: [
      ...urlLookalikes('https://contoso-kv.vault.azure.net').filter((text) => !/^https:\/\/[a-z.-]+\/?$/i.test(text)),
      'contoso-kv',
      'https://contoso-kv.vault.azure.net/secrets/x',
      'https://user@contoso-kv.vault.azure.net',
    ],
    expected: onlyCloseDrops,
    valid: 'https://<name>.vault.azure.net',
  },
  {
    setting: 'DOCKWARDEN_PRINCIPAL_ID',
    texts: [...lookalikes(SUBSCRIPTION).filter((text) => !isGuid(text)), `{${SUBSCRIPTION}}`].filter(
      (text) => text !== '',
    ),
    // Without its own identity Dockwarden would take its own writes for somebody else's.
    expected: allDrop,
    valid: 'a GUID',
  },
  {
    setting: 'REVIEW_KEY_NAMES',
    texts: [
      ...lookalikes('0a1b2c3d=ci').filter((text) => text !== '' && !/^\s*[0-9a-f]{8}=[\w.-]{1,64}\s*$/.test(text)),
      '0a1b2c3d=none',
      '0a1b2c3d=4e5f6a7b',
      '0a1b2c3d',
      '=ci',
      '0a1b2c3d=',
      '0a1b2c3=ci',
      '0a1b2c3dd=ci',
      '0A1B2C3D=ci',
      '0a1b2c3d=a b',
      '0a1b2c3d=ci;0a1b2c3e=x',
      '0a1b2c3d=ci,0a1b2c3d=x',
      '0a1b2c3d=ci,,',
      `0a1b2c3d=${'x'.repeat(65)}`,
    ],
    expected: noneDrops,
    valid: '<8 hex digits>=<name>',
  },
  {
    setting: `${CLOSE}_SCOPE`,
    texts: [
      ...[...lookalikes('everything'), ...lookalikes(SUBSCRIPTION)].filter(
        (text) => !text.split(',').every((part) => isGuid(part.trim())),
      ),
      'env',
      'env=',
      '=prod',
      'env =prod',
      'env=prod,',
      ',env=prod',
      'a<b=c',
      'a/b=c',
      'env=pr\0od',
      `{${SUBSCRIPTION}}`,
      `/subscriptions/${SUBSCRIPTION}/`,
      '/subscriptions/x',
      '/providers/mg',
      `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/providers/x`,
    ],
    expected: onlyCloseDrops,
    valid: '`<tag>=<value>`',
    isValid: (text) => text.includes('='),
  },
  {
    setting: `${CLOSE}_WINDOW`,
    texts: [
      ...lookalikes('0 22 * * 1-5;4h;Europe/Berlin'),
      '0 22 * * 1-5',
      '0 22 * * 1-5;4h',
      '0 22 * * 1-5;;UTC',
      '0 22 * * 1-5;4h;',
      ';4h;UTC',
      '@daily;4h;UTC',
      '0 22 * * 1-5;4h;CET',
      '0 22 * * 1-5;4;UTC',
      '0 22 * * 1-5;1m;UTC',
      '0 22 * * 1-5;25h;UTC',
      '0 0 31 2 *;4h;UTC',
      '61 22 * * *;4h;UTC',
      '0 22 * * *;4h;europe/berlin',
      '0 22 * * *,4h,UTC',
    ],
    expected: onlyCloseDrops,
    valid: 'an IANA time zone',
  },
  {
    setting: 'GRACE_ACR_CLOSE_DOORS',
    texts: durationLookalikes('24h', '31d'),
    expected: onlyCloseDrops,
    valid: 'at most 30d; 0h means at once',
  },
  ...safetyKinds(),
];

/** A limit on Dockwarden that cannot be read stops every change. */
function safetyKinds(): readonly MalformedKind[] {
  const kinds: readonly (readonly [setting: string, texts: readonly string[], valid: string])[] = [
    ['EXEMPTION_MAX_DAYS', [...numberLookalikes('90'), '367'], 'from 1 to 366'],
    [
      'EXEMPTION_SOURCES',
      [
        ...lookalikes('resource').filter((text) => text !== 'none'),
        'resource,',
        ',resource',
        'resource;resource-group',
        'resource, resource-group',
        'none,resource',
        'group',
        'azurepolicy',
        'resource,azure-policy,',
      ],
      'any of `resource`, `resource-group` and `azure-policy` with a comma between, or `none`',
    ],
    ['EXEMPTION_NOTICE', durationLookalikes('7d', '31d'), 'to 30d'],
    ['EXEMPTION_GRACE', durationLookalikes('24h', '8d'), 'to 7d'],
    ['UNDO_EXEMPTION', durationLookalikes('30d', '91d', '59m'), 'from 1h to 90d'],
    ['APPROVAL_VALID', durationLookalikes('24h', '31d', '14m'), 'from 15m to 30d'],
    ['APPROVAL_PERSONS', [...numberLookalikes('2').filter((text) => text !== '1'), '3'], '1 or 2'],
    ['BREAKER_WINDOW', durationLookalikes('10m', '25h', '0m'), 'from 1m to 1d'],
    ['BREAKER_REMEDIATION_CAP', [...numberLookalikes('20'), '401'], 'from 1 to 400, or off'],
    ['BREAKER_SUBSCRIPTION_CAP', [...numberLookalikes('40'), '401'], 'from 1 to 400, or off'],
    ['BREAKER_FLEET_SHARE', [...numberLookalikes('25'), '101', '25%'], 'from 1 to 100, or off'],
    ['BREAKER_FAILURE_RATE', [...numberLookalikes('50'), '101', '50%'], 'from 1 to 100, or off'],
    ['BREAKER_FAILURE_MINIMUM', [...numberLookalikes('10'), '401', 'off'], 'from 1 to 400'],
    ['WAR_WINDOW', durationLookalikes('24h', '31d', '59m'), 'from 1h to 30d'],
    ['WAR_REVERTS', [...numberLookalikes('3'), '21', 'off'], 'from 1 to 20'],
    ['WAR_REVERTS_TOTAL', [...numberLookalikes('6'), '21', 'off'], 'from 1 to 20'],
    [
      'FREEZE_DATES',
      [
        ...lookalikes('2026-12-20').filter((text) => text !== '2026-12-20,2026-12-20'),
        '2027-01-03/2026-12-20',
        '2026-02-30',
        '2026-13-01',
        '20.12.2026',
        'tomorrow',
        '2026-12-20/',
        '2026-12-20;CET',
        '2026-12-20 / 2026-12-21',
        '1999-12-31',
        '2026-12-20,',
        '2026-12-20T00:00:00Z',
      ],
      'ranges `yyyy-mm-dd/yyyy-mm-dd`',
    ],
  ];
  return kinds.map(([setting, texts, valid]) => ({ setting, texts, expected: allDrop, valid }));
}

function isGuid(text: string): boolean {
  return text.toLowerCase() === SUBSCRIPTION;
}

describe.each(malformedKinds)('a malformed $setting', ({ setting, texts, expected, valid, isValid }) => {
  test('is one finding that lists what is valid, and whatever depends on it observes at most', () => {
    expect(new Set(texts).size).toBeGreaterThanOrEqual(40);
    const results = texts.map((text) => {
      const settings = parse({ ...enforced, [setting]: text });
      const listsValid = settings.findings.map(({ message }) => message.includes(valid));
      return {
        text,
        findings: settings.findings.map((finding) => finding.setting),
        listsValid,
        modes: modes(settings),
      };
    });

    expect(results).toEqual(texts.map((text) => ({ text, findings: [setting], listsValid: [true], modes: expected })));
  });

  test('leaves an "off" at off', () => {
    for (const text of texts.slice(0, 5)) {
      const settings = parse({ ...deployed, [CLOSE]: 'off', [LIGHTS]: 'off', [setting]: text });

      expect(settings.modeOf('aks-switch-lights')).toBe('off');
      expect(['off', 'observe']).toContain(settings.modeOf('acr-close-doors'));
    }
  });

  test('never shows a secret, a long value or an invisible character', () => {
    const secrets = ['Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA==', 'AccountKey=s3cret', 'https://u:s3cret@h', 'x'.repeat(61)];
    for (const text of [...texts, ...secrets.filter((secret) => isValid?.(secret) !== true)]) {
      const [finding] = parse({ ...enforced, [setting]: text }).findings;

      expect(finding?.message).toMatch(/^[\x20-\x7e]{20,500}$/);
      expect(finding?.message).not.toMatch(/s3cret|Zm9vYmFy|x{61}/);
    }
  });
});

describe('a tracker', () => {
  const scope = `env=prod,${SUBSCRIPTION}`;
  const tracked: Environment = { ...enforced, [TRACK]: 'enforce', [`${TRACK}_SCOPE`]: scope };

  test('observes everywhere unless told otherwise', () => {
    const settings = parse(deployed);

    expect(settings.modeOf('acr-track-doors')).toBe('observe');
    expect(settings.scopeOf('acr-track-doors')).toBeUndefined();
  });

  test('has a mode and a scope, and nothing else that a remediation has', () => {
    const settings = parse(tracked);

    expect(settings.findings).toEqual([]);
    expect(settings.modeOf('acr-track-doors')).toBe('enforce');
    expect(settings.scopeOf('acr-track-doors')).toEqual({
      ids: [`/subscriptions/${SUBSCRIPTION}`],
      tags: [{ name: 'env', value: 'prod' }],
    });
    for (const ask of ['windowOf', 'noticeOf', 'graceOf', 'secretVaultOf'] as const) {
      expect(() => settings[ask]('acr-track-doors')).toThrow('acr-track-doors');
    }
    expect(settings.hash).not.toBe(parse({ ...tracked, [TRACK]: 'approve' }).hash);
    expect(settings.hash).not.toBe(parse({ ...tracked, [`${TRACK}_SCOPE`]: 'env=test' }).hash);
  });

  test.each(['off', 'observe', 'approve', 'enforce'] as const)('goes no further than a cap of %s', (cap) => {
    expect(parse({ ...tracked, DOCKWARDEN_MODE: cap }).modeOf('acr-track-doors')).toBe(cap);
    expect(parse({ ...tracked, [TRACK]: cap }).modeOf('acr-track-doors')).toBe(cap);
  });

  test.each([
    ...lookalikes('enforce').map((text) => [TRACK, text] as const),
    [`${TRACK}_SCOPE`, 'everything'] as const,
    [`${TRACK}_SCOPE`, 'env'] as const,
    ['ACR_DOOR_MAX_AGE_DAYS', 'old'] as const,
    ['POLICY_ACR_DOORS_CLOSED', 'Off'] as const,
  ])('only observes while %s is %j', (name, text) => {
    const settings = parse({ ...tracked, [name]: text });

    expect(settings.modeOf('acr-track-doors')).toBe('observe');
    expect(settings.findings.map(({ setting }) => setting)).toEqual([name]);
    // What is wrong with a tracker is no reason to stop fixing.
    expect(modes(settings)).toEqual(name.startsWith(TRACK) ? noneDrops : onlyCloseDrops);
    expect(parse({ ...tracked, [TRACK]: 'off', [name]: text }).modeOf('acr-track-doors')).toBe(
      name === TRACK ? 'observe' : 'off',
    );
  });

  test.each(['_SCOPES', '_WINDOW', '_ONLY'])('only observes while there is an unknown %s of it', (suffix) => {
    const settings = parse({ ...tracked, [`${TRACK}${suffix}`]: '0 22 * * *;1h;UTC' });

    expect(settings.modeOf('acr-track-doors')).toBe('observe');
    expect(modes(settings)).toEqual(noneDrops);
    expect(problems(settings)).toEqual([`${TRACK}${suffix} unknown-setting`]);
  });

  test('is described by what each mode does', () => {
    const described = describeSettings(catalogue).find(({ name }) => name === TRACK);

    expect(described?.description).toMatch(/`observe` keeps .* own table, `approve` and `enforce` .* `off` opens none/);
    expect(described?.default).toBe('observe');
  });

  test('need not be in a catalogue', () => {
    const { policies, remediations } = catalogue;

    expect(parseSettings(deployed, { policies, remediations }).findings).toEqual([]);
    expect(() => parseSettings(deployed, { policies, remediations }).modeOf('acr-track-doors')).toThrow(
      'acr-track-doors',
    );
  });
});

test('malformed parameters fall back to their defaults, and a malformed policy switch to on', () => {
  const settings = parse({
    ...deployed,
    ACR_DOOR_MAX_AGE_DAYS: '0',
    ACR_DOOR_GRACE: 'soon',
    POLICY_AKS_LIGHTS_OFF: 'Off',
  });

  expect(settings.parametersOf('acr-doors-closed')).toEqual({ maxAge: 90 });
  expect(settings.graceOf('acr-close-doors')).toBe(86_400_000);
  expect(settings.isPolicyOn('aks-lights-off')).toBe(true);
});

test('valid parameters are parsed', () => {
  const settings = parse({
    ...enforced,
    ACR_DOOR_MAX_AGE_DAYS: '30',
    ACR_DOOR_GRACE: '2d',
    ACR_DOOR_VAULT: 'https://contoso-kv.vault.azure.net/',
    POLICY_AKS_LIGHTS_OFF: 'off',
  });

  expect(settings.parametersOf('acr-doors-closed')).toEqual({ maxAge: 30 });
  expect(settings.graceOf('acr-close-doors')).toBe(172_800_000);
  expect(settings.secretVaultOf('acr-close-doors')).toBe('https://contoso-kv.vault.azure.net');
  expect(settings.isPolicyOn('aks-lights-off')).toBe(false);
  expect(modes(settings)).toEqual(['enforce', 'enforce', 'observe']);
});

test('a reference that the platform did not resolve is named as such and never acted on', () => {
  const text = '@Microsoft.KeyVault(VaultName=v;SecretName=s)';

  const settings = parse({
    ...enforced,
    [CLOSE]: text,
    DOCKWARDEN_MODE: '@Microsoft.AppConfiguration(Endpoint=https://x)',
  });

  expect(problems(settings)).toEqual(['DOCKWARDEN_MODE unresolved-reference', `${CLOSE} unresolved-reference`]);
  expect(settings.findings[0]?.message).not.toContain('Endpoint');
  expect(modes(settings)).toEqual(allDrop);
});

test('a parser that throws counts as malformed and takes nothing along', () => {
  const broken = { ...days('ACR_BROKEN', 1, 'Broken.'), parse: (text: string) => (BigInt(text) > 0n ? 1 : 2) };
  const policies = [{ id: 'acr-doors-closed', title: 'Doors', parameters: { broken } }, ...catalogue.policies.slice(1)];

  const settings = parseSettings({ ...enforced, ACR_BROKEN: 'one' }, { ...catalogue, policies });

  expect(problems(settings)).toEqual(['ACR_BROKEN invalid-value']);
  expect(modes(settings)).toEqual(onlyCloseDrops);
});

test('a parameter that two policies share is one setting and one finding', () => {
  const maxAge = days('ACR_DOOR_MAX_AGE_DAYS', 90, 'Age.');
  const policies = catalogue.policies.map((policy) => ({ ...policy, parameters: { maxAge } }));
  const shared = { ...catalogue, policies };

  const settings = parseSettings({ ...enforced, ACR_DOOR_MAX_AGE_DAYS: 'old' }, shared);

  expect(problems(settings)).toEqual(['ACR_DOOR_MAX_AGE_DAYS invalid-value']);
  expect(modes(settings)).toEqual(allDrop);
  const names = describeSettings(shared).map(({ name }) => name);
  expect(names.filter((name) => name === 'ACR_DOOR_MAX_AGE_DAYS')).toHaveLength(1);
  // It stands beside the first policy that declares it.
  expect(names.indexOf('ACR_DOOR_MAX_AGE_DAYS')).toBe(names.indexOf('POLICY_ACR_DOORS_CLOSED') + 1);
});

describe('an unknown name', () => {
  test.each([
    ['REMEDIATE_ACR_CLOSE_DOOR', CLOSE],
    ['remediate_acr_close_doors', CLOSE],
    ['REMEDIATE_ACR_CLOSEDOORS', CLOSE],
    ['ACR_DOOR_MAX_AGE', 'ACR_DOOR_MAX_AGE_DAYS'],
    ['DOCKWARDEN_PRINCIPALID', 'DOCKWARDEN_PRINCIPAL_ID'],
    ['AKS_SWITCH_LIGHTS', 'GRACE_AKS_SWITCH_LIGHTS'],
    ['AUDIT_ACTORNAMES', 'AUDIT_ACTOR_NAMES'],
  ])('%s is a finding that names %s, and its value is not shown', (name, nearest) => {
    const settings = parse({ ...enforced, [name]: 's3cret' });

    expect(problems(settings)).toEqual([`${name} unknown-setting`]);
    expect(settings.findings[0]?.message).toContain(`the nearest is ${nearest}.`);
    expect(settings.findings[0]?.message).not.toContain('s3cret');
    expect(modes(settings)).toEqual(noneDrops);
  });

  test('that would restrict a remediation keeps exactly that one from acting', () => {
    const environment = { ...enforced, REMEDIATE_AKS_SWITCH_LIGHTS_LATER: 'enforce' };

    const one = parse({ ...environment, REMEDIATE_ACR_CLOSE_DOORS_SCOPES: 'env=prod' });
    const other = parse({ ...environment, REMEDIATE_AKS_SWITCH_LIGHTS_LATER_SCOPES: 'env=prod' });

    expect(modes(one)).toEqual(['observe', 'enforce', 'enforce']);
    expect(one.findings[0]?.message).toContain(
      'What REMEDIATE_ACR_CLOSE_DOORS switches only observes until it is gone.',
    );
    // The name could belong to either of the two whose names begin so: both are kept from acting.
    expect(modes(other)).toEqual(['enforce', 'observe', 'observe']);
  });

  test('without one of our prefixes, or without a value, is none of our business', () => {
    expect(parse({ ...deployed, OTHER_DOCKWARDEN_MODE: 'x', ACRONYM: '1', DOCKWARDEN_X: undefined }).findings).toEqual(
      [],
    );
  });

  test('of any length is cut', () => {
    const [finding] = parse({ ...deployed, [`ACR_${'é'.repeat(5000)}`]: '1' }).findings;

    expect(finding?.setting).toHaveLength(128);
    expect(finding?.message.length).toBeLessThan(400);
  });
});

describe('a name that looks like a restriction and is none', () => {
  test.each([
    'DOCKWARDEN_MOD',
    'DOCKWARDEN_MODES',
    'DOCKWARDENS_MODE',
    'DOCKWARDEN_MDOE',
    'DOCKWARDEN__MODE',
    'dockwarden_mode',
    'Dockwarden_Mode',
    'POLICY_ACR_DOORS_CLOSE',
    'POLICIES_ACR_DOORS_CLOSED',
    'policy_acr_doors_closed',
    'ACR_DOOR_GRACES',
    'ACR_DOORS_GRACE',
    'acr_door_grace',
    'FREEZES_DATES',
    'REMEDIATION_ACR_CLOSE_DOORS_SCOPE',
    'REMEDIATION_ACR_CLOSE_DOORS_WINDOW',
    'REMEDIATE_ACR_CLOSE_DOOR_SCOPES',
    'REMEDIATES_ACR_CLOSE_DOORS_WINDOWS',
    'REMEDIATE_ACR_CLOSE_DOOR_SCOPE',
    'REMEDIATE_ACR_CLOSE_DOOR_WINDOW',
    'REMEDIATE_DOORS_SCOPE',
    'remediate_doors_window',
    'GRACE_ACR_CLOSE_DOOR',
    'GRACE_DOORS',
    'GRACE_',
    'grace_acr_close_doors',
    'BREAKER_CAPP',
    'BREAKER_CAP',
    'BREAKER_REMEDIATION_CAPS',
    'breaker_remediation_cap',
    'WAR_REVERT',
    'FREEZE_DATE',
    'FREEZE_',
    'Freeze_Dates',
    'APPROVAL_PERSON',
    'APPROVAL_2_PERSONS',
    'EXEMPTION_SOURCE',
    'EXEMPTION_MAX_DAY',
    'UNDO_EXEMPTIONS',
    `BREAKER_${'X'.repeat(500)}`,
  ])('%s keeps everything at observe, and says so', (name) => {
    const settings = parse({ ...enforced, [name]: 's3cret' });

    expect(settings.cap).toBe('observe');
    expect(modes(settings)).toEqual(allDrop);
    expect(settings.findings).toMatchObject([{ problem: 'unknown-setting', setting: name.slice(0, 128) }]);
    expect(settings.findings[0]?.message).toContain('no remediation goes further than observe until it is gone');
    expect(settings.findings[0]?.message).not.toContain('s3cret');
  });

  test.each(['DOCWARDEN_MODE', 'DOCKWARDENMODE', 'DOCKWARDEN-MODE', 'REMDIATE_ACR_CLOSE_DOORS_SCOPE', 'FREZE_DATES'])(
    '%s keeps everything at observe, though even its beginning is misspelt',
    (name) => {
      const settings = parse({ ...enforced, [name]: 'observe' });

      expect(modes(settings)).toEqual(allDrop);
      expect(problems(settings)).toEqual([`${name} unknown-setting`]);
    },
  );

  test.each(['_SCOPES', '_SCOPE_2', '_WINDOWS', '_WINDOW_', '_ONLY', '_EXCEPT', '_scope'])(
    'after the name of a remediation keeps that one at observe: %s',
    (suffix) => {
      const settings = parse({ ...enforced, [`${CLOSE}${suffix}`]: 'env=prod' });

      expect(modes(settings)).toEqual(onlyCloseDrops);
      expect(settings.findings[0]?.message).toContain(`What ${CLOSE} switches only observes until it is gone.`);
    },
  );
});

describe('a name that is far from every setting that holds back', () => {
  test.each([
    'ACR_NAME',
    'AKS_CLUSTER',
    'AKS_NODE_COUNT',
    'DOCKWARDEN_MOOD_LIGHT',
    'DOCKWARDEN_VERSION',
    'POLICY_SERVER',
    'REMEDIATE_NOTHING',
    'REVIEW_APP',
    'AUDIT_GRACEFULLY',
  ])('%s has no effect, and says so', (name) => {
    const settings = parse({ ...enforced, [name]: 'observe' });

    expect(modes(settings)).toEqual(noneDrops);
    expect(problems(settings)).toEqual([`${name} unknown-setting`]);
    expect(settings.findings[0]?.message).toContain('It has no effect.');
  });

  test.each(['GRACEFUL', 'GRACEFUL_SHUTDOWN', 'FREEZER', 'WARNING_LEVEL', 'MODE'])(
    '%s is not even one of ours',
    (name) => {
      const settings = parse({ ...enforced, [name]: '1' });

      expect(modes(settings)).toEqual(noneDrops);
      expect(settings.findings).toEqual([]);
    },
  );

  test('four letters make another name, three a slip', () => {
    expect(parse({ ...enforced, DOCKWARDEN_MODELLL: 'off' }).cap).toBe('observe');
    expect(parse({ ...enforced, DOCKWARDEN_MODELLLL: 'off' }).cap).toBe('enforce');
  });
});

/** Paths of everything that differs between two values. */
function differences(one: unknown, other: unknown, path = ''): readonly string[] {
  if (JSON.stringify(one) === JSON.stringify(other)) return [];
  if (!isRecord(one) || !isRecord(other)) return [path];
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].flatMap((name) => differences(one[name], other[name], `${path}.${name}`));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bothGuards(name: string): readonly string[] {
  return [`.breaker.remediation.${name}`, `.breaker.subscription.${name}`];
}

describe('the settings that hold Dockwarden back', () => {
  /** What each of them changes in what the engine goes by. */
  const effects: Readonly<Record<string, readonly string[]>> = {
    EXEMPTION_MAX_DAYS: ['.exemptions.maxDays'],
    EXEMPTION_SOURCES: ['.exemptions.sources'],
    EXEMPTION_NOTICE: ['.exemptions.noticeMs'],
    EXEMPTION_GRACE: ['.exemptions.graceMs'],
    UNDO_EXEMPTION: ['.exemptions.undoMs'],
    APPROVAL_VALID: ['.approvals.validMs'],
    APPROVAL_PERSONS: ['.approvals.persons'],
    BREAKER_WINDOW: bothGuards('windowMs'),
    BREAKER_REMEDIATION_CAP: ['.breaker.remediation.cap'],
    BREAKER_SUBSCRIPTION_CAP: ['.breaker.subscription.cap'],
    BREAKER_FLEET_SHARE: bothGuards('sharePercent'),
    BREAKER_FAILURE_RATE: bothGuards('failurePercent'),
    BREAKER_FAILURE_MINIMUM: bothGuards('failureMinimum'),
    WAR_WINDOW: ['.war.windowMs'],
    WAR_REVERTS: ['.war.reverts'],
    WAR_REVERTS_TOTAL: ['.war.total'],
    FREEZE_DATES: ['.freezes.text', '.freezes.ranges', '.freezes.timeZone'],
  };

  test('are all known here', () => {
    expect(Object.keys(effects).toSorted()).toEqual(
      Object.values(safetySettings)
        .map(({ name }) => name)
        .toSorted(),
    );
  });

  test.each(Object.values(safetySettings))(
    '$name changes what it names, in both directions, and nothing else',
    (setting) => {
      const [one, other] = setting.examples.map((text) => parse({ ...enforced, [setting.name]: text }));
      const all = setting.examples.map((text) => setting.parse(text));

      expect(differences(one?.safety, other?.safety)).toEqual(effects[setting.name]);
      expect(new Set(all.map((value) => JSON.stringify(value))).size).toBe(2);
      expect([one, other].map((settings) => settings && modes(settings))).toEqual([noneDrops, noneDrops]);
      expect(one?.hash).not.toBe(other?.hash);
    },
  );

  test('have these values when nothing is set', () => {
    const breaker = { windowMs: 600_000, sharePercent: 25, failurePercent: 50, failureMinimum: 10 };
    expect(parse(deployed).safety).toEqual({
      exemptions: {
        maxDays: 90,
        sources: ['resource', 'resource-group', 'azure-policy'],
        noticeMs: 7 * 86_400_000,
        graceMs: 86_400_000,
        undoMs: 30 * 86_400_000,
      },
      approvals: { validMs: 86_400_000, persons: 1 },
      breaker: { remediation: { ...breaker, cap: 20 }, subscription: { ...breaker, cap: 40 } },
      war: { windowMs: 86_400_000, reverts: 3, total: 6 },
      freezes: undefined,
    });
  });

  test.each([
    ['BREAKER_REMEDIATION_CAP', { remediation: { cap: undefined }, subscription: { cap: 40 } }],
    ['BREAKER_SUBSCRIPTION_CAP', { remediation: { cap: 20 }, subscription: { cap: undefined } }],
    ['BREAKER_FLEET_SHARE', { remediation: { sharePercent: undefined }, subscription: { sharePercent: undefined } }],
    ['BREAKER_FAILURE_RATE', { remediation: { failurePercent: undefined } }],
  ])('%s can be off', (name, expected) => {
    const settings = parse({ ...enforced, [name]: 'off' });

    expect(settings.safety.breaker).toMatchObject(expected);
    expect(settings.findings).toEqual([]);
    expect(modes(settings)).toEqual(noneDrops);
  });

  test.each([
    ['none', []],
    ['resource', ['resource']],
    ['resource-group', ['resource-group']],
    ['resource-group,resource', ['resource', 'resource-group']],
    ['azure-policy', ['azure-policy']],
    ['azure-policy,resource', ['resource', 'azure-policy']],
  ])('EXEMPTION_SOURCES %s are %j', (text, expected) => {
    expect(parse({ ...enforced, EXEMPTION_SOURCES: text }).safety.exemptions.sources).toEqual(expected);
  });

  test.each([
    ['BREAKER_WINDOW', '1m', '1d'],
    ['UNDO_EXEMPTION', '60m', '90d'],
    ['APPROVAL_VALID', '15m', '30d'],
    ['EXEMPTION_NOTICE', '0h', '720h'],
    ['WAR_REVERTS', '1', '20'],
    ['BREAKER_REMEDIATION_CAP', '1', '400'],
    ['EXEMPTION_MAX_DAYS', '1', '366'],
  ])('%s may be as low as %s and as high as %s', (name, lowest, highest) => {
    for (const text of [lowest, highest]) expect(parse({ ...enforced, [name]: text }).findings).toEqual([]);
  });
});

test('scope, window and notice belong to one remediation each', () => {
  const settings = parse({
    ...enforced,
    [`${CLOSE}_SCOPE`]: `env=prod,${SUBSCRIPTION}`,
    [`${LIGHTS}_WINDOW`]: '0 22 * * 1-5;4h;Europe/Berlin',
    GRACE_AKS_SWITCH_LIGHTS_LATER: '2d',
  });

  expect(settings.findings).toEqual([]);
  expect(modes(settings)).toEqual(noneDrops);
  const ids = catalogue.remediations.map(({ id }) => id);
  expect(ids.map((id) => settings.scopeOf(id))).toEqual([
    { ids: [`/subscriptions/${SUBSCRIPTION}`], tags: [{ name: 'env', value: 'prod' }] },
    undefined,
    undefined,
  ]);
  expect(ids.map((id) => settings.windowOf(id)?.durationMs)).toEqual([undefined, 4 * 3_600_000, undefined]);
  expect(ids.map((id) => settings.noticeOf(id))).toEqual([0, 0, 2 * 86_400_000]);
});

describe('scopes', () => {
  test.each([
    [`${SUBSCRIPTION},${OTHER_SUBSCRIPTION}`, [SUBSCRIPTION, OTHER_SUBSCRIPTION]],
    [` ${SUBSCRIPTION} , ${OTHER_SUBSCRIPTION.toUpperCase()} `, [SUBSCRIPTION, OTHER_SUBSCRIPTION]],
    [`${SUBSCRIPTION},${SUBSCRIPTION.toUpperCase()}`, [SUBSCRIPTION]],
  ])('%s are the subscriptions %j', (text, expected) => {
    const settings = parse({ ...deployed, SCOPES: text });

    expect(settings.scopes).toEqual(expected);
    expect(settings.findings).toEqual([]);
  });

  test.each([
    [`${SUBSCRIPTION},mine`, [SUBSCRIPTION]],
    [`${SUBSCRIPTION},`, [SUBSCRIPTION]],
    [`${SUBSCRIPTION};${OTHER_SUBSCRIPTION}`, []],
    [`/subscriptions/${SUBSCRIPTION}`, []],
    ['*', []],
    [' ', []],
    ['null', []],
  ])('%s keep what is valid of them, and are a finding', (text, expected) => {
    const settings = parse({ ...deployed, SCOPES: text });

    expect(settings.scopes).toEqual(expected);
    expect(problems(settings)).toEqual(['SCOPES invalid-value']);
  });
});

describe('storage', () => {
  test('endpoints of their own win over those of the account', () => {
    const { storage, findings } = parse({
      ...deployed,
      AzureWebJobsStorage__tableServiceUri: 'https://127.0.0.1:10002/devstoreaccount1/',
    });

    expect(storage.table).toBe('https://127.0.0.1:10002/devstoreaccount1');
    expect(storage.queue).toBe('https://dockwardenstore.queue.core.windows.net');
    expect(findings).toEqual([]);
  });

  test('a malformed endpoint is not replaced by that of the account', () => {
    const settings = parse({ ...deployed, AzureWebJobsStorage__tableServiceUri: 'https://t.example/?sv=1&sig=s3cret' });

    expect(settings.storage).not.toHaveProperty('table');
    expect(problems(settings)).toEqual(['AzureWebJobsStorage__tableServiceUri invalid-value']);
    expect(settings.findings[0]?.message).not.toContain('s3cret');
  });

  test('a malformed account gives no endpoints, and one finding', () => {
    const settings = parse({ ...deployed, AzureWebJobsStorage__accountName: 'Dockwarden/..' });

    expect(settings.storage).toEqual({});
    expect(problems(settings)).toEqual(['AzureWebJobsStorage__accountName invalid-value']);
  });

  test('three endpoints need no account', () => {
    const { AzureWebJobsStorage__accountName: _account, ...others } = deployed;
    const uris = Object.fromEntries(
      ['queue', 'table', 'blob'].map((name) => [`AzureWebJobsStorage__${name}ServiceUri`, `https://${name}.example`]),
    );

    expect(parse({ ...others, ...uris }).findings).toEqual([]);
  });
});

test('the identity is our own setting first, and the host storage setting otherwise', () => {
  const host = { ...deployed, AzureWebJobsStorage__clientId: SUBSCRIPTION };

  expect(parse(host)).toMatchObject({ identityClientId: SUBSCRIPTION, ownClientId: SUBSCRIPTION });
  expect(parse({ ...host, DOCKWARDEN_CLIENT_ID: OTHER_SUBSCRIPTION.toUpperCase() })).toMatchObject({
    identityClientId: OTHER_SUBSCRIPTION,
    ownClientId: OTHER_SUBSCRIPTION,
  });
});

test('vaults may lie in another cloud, or on this machine', () => {
  const clouds = {
    DOCKWARDEN_VAULT_DNS_SUFFIX: 'vault.usgovcloudapi.net',
    DOCKWARDEN_VAULT_SCOPE: 'https://vault.usgovcloudapi.net/.default',
  };

  expect(parse({ ...deployed, ...clouds })).toMatchObject({
    vaults: { dnsSuffix: 'vault.usgovcloudapi.net', scope: 'https://vault.usgovcloudapi.net/.default' },
    findings: [],
  });
  expect(parse({ ...deployed, DOCKWARDEN_VAULT_DNS_SUFFIX: 'localhost' }).vaults.dnsSuffix).toBe('localhost');
});

const ELSEWHERE = { DOCKWARDEN_VAULT_DNS_SUFFIX: 'vault.usgovcloudapi.net' };
const LOCAL = { DOCKWARDEN_VAULT_DNS_SUFFIX: 'localhost' };

test.each([
  ['https://vault.evil.example', {}],
  ['https://contoso-kv.vault.azure.net.evil.example', {}],
  ['https://evilvault.azure.net', {}],
  ['https://localhost:8443', {}],
  ['https://contoso-kv.vault.azure.net', ELSEWHERE],
  ['https://contoso-kv.vault.azure.net', LOCAL],
])(
  'a vault for secrets that may get no token is none, and what needs it changes nothing: %s with %j',
  (vault, cloud) => {
    const settings = parse({ ...enforced, ...cloud, ACR_DOOR_VAULT: vault });

    expect(problems(settings)).toEqual(['ACR_DOOR_VAULT invalid-value']);
    expect(settings.findings[0]?.message).toContain('DOCKWARDEN_VAULT_DNS_SUFFIX');
    expect(settings.findings[0]?.message).not.toContain(vault);
    expect(modes(settings)).toEqual(onlyCloseDrops);
    expect(settings.secretVaultOf('acr-close-doors')).toBeUndefined();
  },
);

test.each([
  ['https://Contoso-KV.vault.azure.net:443/', {}],
  ['https://contoso-kv.vault.usgovcloudapi.net', ELSEWHERE],
  ['https://localhost:8443', LOCAL],
])('a vault for secrets may lie wherever a token may go: %s with %j', (vault, cloud) => {
  const settings = parse({ ...enforced, ...cloud, ACR_DOOR_VAULT: vault });

  expect(settings.findings).toEqual([]);
  expect(modes(settings)).toEqual(noneDrops);
  expect(settings.secretVaultOf('acr-close-doors')).toBe(new URL(vault).origin);
});

test('a misspelt name of the vault for secrets changes nothing: the secrets would be lost', () => {
  const settings = parse({ ...enforced, ACR_DOOR_VAULTS: 'https://contoso-kv.vault.azure.net' });

  expect(problems(settings)).toEqual(['ACR_DOOR_VAULTS unknown-setting']);
  expect(modes(settings)).toEqual(['observe', 'observe', 'observe']);
});

test('a port of the endpoint is kept, a slash at its end is not', () => {
  expect(parse({ ...deployed, DOCKWARDEN_ARM_ENDPOINT: 'https://127.0.0.1:8443/' }).armEndpoint).toBe(
    'https://127.0.0.1:8443',
  );
});

test.each(['0 0 */6 * * *', '0 */5 * * * *', '*/15 * * * *', '0 30 9-17 * * Mon-Fri', '0 0 1,13 1 January *'])(
  'the schedule %s is accepted',
  (text) => {
    expect(parse({ ...deployed, SWEEP_SCHEDULE: text })).toMatchObject({ sweepSchedule: text, findings: [] });
  },
);

test.each([
  'hourly',
  '* * * *',
  '0 0 * * * * *',
  '06:00:00',
  '0  0 * * * *',
  ' 0 0 * * * *',
  '0 0 ? * * *',
  '%X%',
  '@daily',
  '* * * * * *;',
])('the schedule %j is a finding', (text) => {
  const settings = parse({ ...deployed, SWEEP_SCHEDULE: text });

  expect(problems(settings)).toEqual(['SWEEP_SCHEDULE invalid-value']);
  expect(settings).not.toHaveProperty('sweepSchedule');
});

describe('the hash', () => {
  test('is twelve hex digits, the same for the same settings in any order', () => {
    const reversed = Object.fromEntries(Object.entries(enforced).toReversed());

    expect(parse(enforced).hash).toMatch(/^[0-9a-f]{12}$/);
    expect(parse(reversed).hash).toBe(parse(enforced).hash);
  });

  test('does not see what has no effect', () => {
    expect(parse({ ...enforced, DOCKWARDEN_X: '1', HOME: '/', DOCKWARDEN_MODE: 'enforce' }).hash).toBe(
      parse(enforced).hash,
    );
  });
});

test('no environment makes parsing throw, and none but exactly "enforce" lets anything act', () => {
  const names = describeSettings(catalogue).map(({ name }) => name);
  const name = fc.oneof(
    fc.constantFrom(...names),
    fc.string(),
    fc.constantFrom('__proto__', 'constructor', 'ACR_', 'DOCKWARDEN_\uD800'),
  );
  const value = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constant(undefined),
    fc.json(),
    fc.constantFrom('on', 'observe'),
  );
  fc.assert(
    fc.property(fc.dictionary(name, value), (environment) => {
      const settings = parse(environment);
      expect(modes(settings)).not.toContain('enforce');
      expect(settings.findings.every(({ message }) => message.length < 700)).toBe(true);
      expect(settings.hash).toHaveLength(12);
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ['DEFENDER_ALERT_POLLING', 'DEFENDER_ALERTS_POLLING'],
  ['DEFENDER_EVENTHUB', 'DEFENDER_EVENT_HUB'],
])('%s is noticed, and %s named as what was meant', (name, meant) => {
  const [finding] = parseSettings({ ...deployed, [name]: 'on' }, catalogue).findings;
  expect(finding).toMatchObject({ setting: name, problem: 'unknown-setting' });
  expect(finding?.message).toContain(`the nearest is ${meant}.`);
});

test('how the host connects to the Event Hub is no business of ours, but for the two that are described', () => {
  const host = {
    DefenderEventHub__fullyQualifiedNamespace: 'contoso.servicebus.windows.net',
    DefenderEventHub__credential: 'managedidentity',
    DefenderEventHub__clientId: '11111111-2222-3333-4444-555555555555',
    DEFENDER_EVENT_HUB: 'defender',
    DEFENDER_URL: 'https://example.com',
  };
  const settings = parseSettings({ ...deployed, ...host }, catalogue);
  expect(settings).toMatchObject({ findings: [], defenderHub: 'defender' });
  expect(settings.defenderNamespace).toBe('contoso.servicebus.windows.net');
  expect(parseSettings({ ...deployed, ...host, DEFENDER_EVENT_HUB: 'a b' }, catalogue).findings).toHaveLength(1);
});
