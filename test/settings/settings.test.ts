import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { days, duration } from '../../src/policy/parameters.ts';
import type { SettingsCatalogue } from '../../src/settings/catalogue.ts';
import { describeSettings } from '../../src/settings/catalogue.ts';
import { type Environment, type Mode, parseSettings, type Settings } from '../../src/settings/settings.ts';

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
    },
    { id: 'aks-switch-lights', title: 'Switch the lights off', fixes: { id: 'aks-lights-off' } },
    { id: 'aks-switch-lights-later', title: 'Switch the lights off later', fixes: { id: 'aks-lights-off' } },
  ],
};
const CLOSE = 'REMEDIATE_ACR_CLOSE_DOORS';
const LIGHTS = 'REMEDIATE_AKS_SWITCH_LIGHTS';
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

/** Texts that look like a literal, or like "yes", and are not one. */
function lookalikes(word: string): readonly string[] {
  const capital = `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
  const fullWidth = word.replaceAll(/[!-~]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) + 0xfe_e0));
  const blank = ['', ' ', '\t', '\n', '\0', '\uFEFF', '\u00A0', '\u200B'];
  const other = [
    '0',
    '1',
    '-1',
    '00',
    'true',
    'false',
    'True',
    'yes',
    'no',
    'y',
    'null',
    'undefined',
    'NaN',
    'none',
    'default',
  ];
  const symbols = ['{}', '[]', '*', '%', '$(x)', 'ON', 'Off', 'On', 'enable', 'disabled', 'x'.repeat(10_000)];
  const framed = [
    ` ${word}`,
    `${word} `,
    `${word}\n`,
    `${word}\r\n`,
    `\t${word}`,
    `\uFEFF${word}`,
    `${word}\u200B`,
    `${word}\0`,
  ];
  const quoted = [`"${word}"`, `'${word}'`, `${word};`, `${word},${word}`, `${word}${word}`, `!${word}`, `=${word}`];
  const near = [word.toUpperCase(), capital, word.slice(0, -1), `${word}d`, `${word}\u0301`, fullWidth];
  const homoglyphs = [
    word.replace('o', '\u043E'),
    word.replace('e', '\u0435'),
    '@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/s)',
  ];
  const valid = ['off', 'observe', 'approve', 'enforce', 'on', word];
  const texts = [...blank, ...other, ...symbols, ...framed, ...quoted, ...near, ...homoglyphs];
  return texts.filter((text) => !valid.includes(text));
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
    expect(settings.findings).toEqual([]);
    expect(settings).toMatchObject({
      scopes: [SUBSCRIPTION],
      sweepSchedule: '0 0 */6 * * *',
      actorNames: false,
      ownPrincipalId: 'aaaaaaaa-0000-4000-8000-000000000003',
      armEndpoint: 'https://management.azure.com',
      tokenScope: 'https://management.azure.com/.default',
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
    setting: 'DOCKWARDEN_PRINCIPAL_ID',
    texts: [...lookalikes(SUBSCRIPTION).filter((text) => !isGuid(text)), `{${SUBSCRIPTION}}`].filter(
      (text) => text !== '',
    ),
    // Without its own identity Dockwarden would take its own writes for somebody else's.
    expected: allDrop,
    valid: 'a GUID',
  },
];

function isGuid(text: string): boolean {
  return text.toLowerCase() === SUBSCRIPTION;
}

function numberLookalikes(number: string): readonly string[] {
  const texts = ['3651', '090', '90.0', '9e1', '0x5A', '+90', '٩٠', '90d', '1_000', '99999999999999999999', 'Infinity'];
  return [...texts, ...lookalikes(number).filter((text) => !/^[1-9]\d*$/.test(text))];
}

function urlLookalikes(url: string): readonly string[] {
  const texts = [
    url.replace('https', 'http'),
    url.replace('https://', ''),
    url.replace('//', '/'),
    url.replace('https://', 'https://user:s3cret@'),
    `${url}?sig=s3cret`,
    `${url}#x`,
    url.replaceAll('/', '\\'),
    'file:///etc/passwd',
    'https://',
    'https://host:port',
    'https://host:99999',
    'https://[::1]:x',
  ];
  return [...texts, ...lookalikes(url).filter((text) => !/^https:\/\/[a-z.:]+(\/\.default)?$/i.test(text))];
}

describe.each(malformedKinds)('a malformed $setting', ({ setting, texts, expected, valid }) => {
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
    for (const text of [...texts, ...secrets]) {
      const [finding] = parse({ ...enforced, [setting]: text }).findings;

      expect(finding?.message).toMatch(/^[\x20-\x7e]{20,500}$/);
      expect(finding?.message).not.toMatch(/s3cret|Zm9vYmFy|x{61}/);
    }
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
    POLICY_AKS_LIGHTS_OFF: 'off',
  });

  expect(settings.parametersOf('acr-doors-closed')).toEqual({ maxAge: 30 });
  expect(settings.graceOf('acr-close-doors')).toBe(172_800_000);
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
  expect(describeSettings(shared).filter(({ name }) => name === 'ACR_DOOR_MAX_AGE_DAYS')).toHaveLength(1);
});

describe('an unknown name', () => {
  test.each([
    ['REMEDIATE_ACR_CLOSE_DOOR', CLOSE],
    ['remediate_acr_close_doors', CLOSE],
    ['REMEDIATE_ACR_CLOSEDOORS', CLOSE],
    ['POLICY_ACR_DOORS_CLOSE', 'POLICY_ACR_DOORS_CLOSED'],
    ['DOCKWARDEN_MODES', 'DOCKWARDEN_MODE'],
    ['Dockwarden_Mode', 'DOCKWARDEN_MODE'],
    ['ACR_DOOR_MAX_AGE', 'ACR_DOOR_MAX_AGE_DAYS'],
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
    expect(parse({ ...deployed, MY_DOCKWARDEN_MODE: 'x', ACRONYM: '1', DOCKWARDEN_X: undefined }).findings).toEqual([]);
  });

  test('of any length is cut', () => {
    const [finding] = parse({ ...deployed, [`ACR_${'é'.repeat(5000)}`]: '1' }).findings;

    expect(finding?.setting).toHaveLength(128);
    expect(finding?.message.length).toBeLessThan(400);
  });
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
