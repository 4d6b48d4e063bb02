import { describe, expect, test } from 'vitest';
import { listSettings } from '../../src/settings/catalogue.ts';
import { nodeSettings } from '../../src/settings/node-settings.ts';
import { type Environment, parseSettings, type Settings } from '../../src/settings/settings.ts';
import { ticketSettings } from '../../src/settings/ticket-settings.ts';
import { durationLookalikes, lookalikes, numberLookalikes, urlLookalikes } from './lookalikes.ts';

const catalogue = { policies: [], remediations: [] };
const deployed: Environment = {
  SCOPES: '11111111-2222-3333-4444-555555555555',
  SWEEP_SCHEDULE: '0 0 */6 * * *',
  DOCKWARDEN_PRINCIPAL_ID: 'aaaaaaaa-0000-4000-8000-000000000003',
  AzureWebJobsStorage__accountName: 'dockwardenstore',
};
const TOKEN = 'github_pat_s3cret0123456789';
const API_KEY = 's3cret89abcdef0123456789abcdef0123456789';
const SIGNING_SECRET = 's3cret0123456789abcdef0123456789';

/** Each system with everything that it may have. */
const systems = {
  'azure-devops': {
    TICKETS_SYSTEM: 'azure-devops',
    TICKETS_AZURE_DEVOPS_ORGANIZATION: 'contoso',
    TICKETS_AZURE_DEVOPS_PROJECT: 'Platform',
    TICKETS_AZURE_DEVOPS_TYPE: 'Bug',
    TICKETS_AZURE_DEVOPS_AREA_PATH: String.raw`Platform\Clusters`,
  },
  github: {
    TICKETS_SYSTEM: 'github',
    TICKETS_GITHUB_REPOSITORY: 'contoso/ops',
    TICKETS_GITHUB_TOKEN: TOKEN,
    TICKETS_GITHUB_ALLOW_PUBLIC: 'on',
  },
  redmine: {
    TICKETS_SYSTEM: 'redmine',
    TICKETS_REDMINE_URL: 'https://tools.example:8443/redmine/',
    TICKETS_REDMINE_API_KEY: API_KEY,
    TICKETS_REDMINE_PROJECT: 'sec-ops_2',
    TICKETS_REDMINE_TRACKER_ID: '1',
    TICKETS_REDMINE_FIELD_ID: '7',
    TICKETS_REDMINE_PRIORITIES: 'high=4,medium=3,low=2',
  },
  webhook: {
    TICKETS_SYSTEM: 'webhook',
    TICKETS_WEBHOOK_URL: 'https://hooks.example/dockwarden/',
    TICKETS_WEBHOOK_SECRET: SIGNING_SECRET,
  },
} as const satisfies Readonly<Record<string, Environment>>;
const targets = {
  'azure-devops': {
    system: 'azure-devops',
    organization: 'contoso',
    project: 'Platform',
    type: 'Bug',
    areaPath: String.raw`Platform\Clusters`,
  },
  github: { system: 'github', repository: 'contoso/ops', token: TOKEN, allowPublic: true },
  redmine: {
    system: 'redmine',
    url: 'https://tools.example:8443/redmine',
    apiKey: API_KEY,
    project: 'sec-ops_2',
    trackerId: 1,
    fieldId: 7,
    priorities: { high: 4, medium: 3, low: 2 },
  },
  webhook: { system: 'webhook', url: 'https://hooks.example/dockwarden/', secret: SIGNING_SECRET },
} as const;
type System = keyof typeof systems;
const systemNames: readonly System[] = ['azure-devops', 'github', 'redmine', 'webhook'];
/** What each system cannot do without. */
const needed: Readonly<Record<System, readonly string[]>> = {
  'azure-devops': ['TICKETS_AZURE_DEVOPS_ORGANIZATION', 'TICKETS_AZURE_DEVOPS_PROJECT'],
  github: ['TICKETS_GITHUB_REPOSITORY', 'TICKETS_GITHUB_TOKEN'],
  redmine: [
    'TICKETS_REDMINE_URL',
    'TICKETS_REDMINE_API_KEY',
    'TICKETS_REDMINE_PROJECT',
    'TICKETS_REDMINE_TRACKER_ID',
    'TICKETS_REDMINE_FIELD_ID',
  ],
  webhook: ['TICKETS_WEBHOOK_URL', 'TICKETS_WEBHOOK_SECRET'],
};

function parse(environment: Environment): Settings {
  return parseSettings({ ...deployed, ...environment }, catalogue);
}

function problems({ findings }: Settings): readonly string[] {
  return findings.map(({ setting, problem }) => `${setting} ${problem}`);
}

/** The system with nothing but what it cannot do without. */
function parseLeast(system: System): Settings {
  const least = Object.entries(systems[system]).filter(([name]) => needed[system].includes(name));
  return parse({ TICKETS_SYSTEM: system, ...Object.fromEntries(least) });
}

/** The environment without one of its settings. */
function without(environment: Environment, name: string): Environment {
  return { ...environment, [name]: undefined };
}

describe('tickets', () => {
  test('stay in the table, fifteen minutes apart, unless something else is set', () => {
    const settings = parse({});

    expect(settings.tickets).toEqual({ graceMs: 900_000, target: { system: 'table' } });
    expect(settings.findings).toEqual([]);
  });

  test.each(systemNames)('go to %s with everything that it was told', (system) => {
    const settings = parse(systems[system]);

    expect(settings.findings).toEqual([]);
    expect(settings.tickets.target).toEqual(targets[system]);
  });

  test.each(systemNames)('of %s stay in the table while another system or none is chosen', (system) => {
    const settings = parse({ ...systems[system], TICKETS_SYSTEM: 'table' });

    expect(settings.findings).toEqual([]);
    expect(settings.tickets.target).toEqual({ system: 'table' });
    expect(settings.hash).toBe(parse({}).hash);
  });

  test('need no more than what cannot be left out', () => {
    expect(systemNames.map((system) => [...parseLeast(system).findings])).toEqual([[], [], [], []]);
    expect(parseLeast('azure-devops').tickets.target).toEqual({
      system: 'azure-devops',
      organization: 'contoso',
      project: 'Platform',
      type: 'Task',
    });
    expect(parseLeast('github').tickets.target).toEqual({ ...targets.github, allowPublic: false });
    expect(parseLeast('redmine').tickets.target).toEqual({ ...targets.redmine, priorities: {} });
    expect(parseLeast('webhook').tickets.target).toEqual(targets.webhook);
  });

  test.each(systemNames.flatMap((system) => needed[system].map((name) => [system, name] as const)))(
    'stay in the table when %s lacks %s, which is a finding',
    (system, name) => {
      const settings = parse(without(systems[system], name));

      expect(settings.tickets.target).toEqual({ system: 'table' });
      expect(problems(settings)).toEqual([`${name} missing`]);
      expect(settings.findings[0]?.message).toMatch(
        new RegExp(`^${name} is not set: TICKETS_SYSTEM is ${system}, and without it that system gets no tickets`),
      );
      expect(settings.findings[0]?.message).not.toContain('s3cret');
    },
  );

  test.each(systemNames)('name everything that %s lacks', (system) => {
    const settings = parse({ TICKETS_SYSTEM: system });
    // Whether a receiver needs a secret is seen from its address.
    const expected = system === 'webhook' ? ['TICKETS_WEBHOOK_URL'] : needed[system];

    expect(problems(settings)).toEqual(expected.map((name) => `${name} missing`));
    expect(settings.tickets.target).toEqual({ system: 'table' });
  });

  test.each(systemNames)('stay in the table when %s is not spelt exactly so', (system) => {
    for (const text of lookalikes(system)) {
      const settings = parse({ ...systems[system], TICKETS_SYSTEM: text });

      expect(settings.tickets.target).toEqual({ system: 'table' });
      expect(settings.findings.map(({ setting }) => setting)).toEqual(['TICKETS_SYSTEM']);
    }
  });

  test.each(['0m', '24h', '1d', '1440m'])('may be opened after %s', (text) => {
    const settings = parse({ TICKETS_GRACE: text });

    expect(settings.findings).toEqual([]);
    expect(settings.tickets.graceMs).toBe(text === '0m' ? 0 : 86_400_000);
  });
});

describe('a receiver of notices', () => {
  test.each([
    'https://dockwarden.westeurope-1.eventgrid.azure.net/api/events',
    'https://a-1.b.eventgrid.azure.net/api/events',
    'https://DOCKWARDEN.westeurope-1.EventGrid.azure.net:443/api/events',
  ])('needs no secret at the Event Grid topic %s, and keeps none', (url) => {
    const settings = parse({ TICKETS_SYSTEM: 'webhook', TICKETS_WEBHOOK_URL: url });
    const withSecret = parse({ ...systems.webhook, TICKETS_WEBHOOK_URL: url });

    expect(settings.findings).toEqual([]);
    expect(settings.tickets.target).toEqual({ system: 'webhook', url: URL.parse(url)?.href });
    expect(withSecret.tickets).toEqual(settings.tickets);
  });

  test.each([
    'https://eventgrid.azure.net/api/events',
    'https://topic.eventgrid.azure.net/api/events',
    'https://x.y.z.eventgrid.azure.net/api/events',
    'https://topic.region-1.eventgrid.azure.net.evil.example/api/events',
    'https://topic.region-1-eventgrid.azure.net/api/events',
    'https://evil.example/topic.region-1.eventgrid.azure.net',
    'https://topic.region-1.eventgrid.azure.net:8443/api/events',
    'https://topic.region-1.eventgrid.azure.us/api/events',
  ])('needs a secret at %s', (url) => {
    const settings = parse({ TICKETS_SYSTEM: 'webhook', TICKETS_WEBHOOK_URL: url });

    expect(problems(settings)).toEqual(['TICKETS_WEBHOOK_SECRET missing']);
    expect(settings.tickets.target).toEqual({ system: 'table' });
    expect(parse({ ...systems.webhook, TICKETS_WEBHOOK_URL: url }).tickets.target).toEqual({
      ...targets.webhook,
      url: URL.parse(url)?.href,
    });
  });

  test('gets nothing when its secret is malformed, wherever it is', () => {
    for (const url of ['https://hooks.example/x', 'https://t.r-1.eventgrid.azure.net/api/events']) {
      const settings = parse({
        ...systems.webhook,
        TICKETS_WEBHOOK_URL: url,
        TICKETS_WEBHOOK_SECRET: 's3cret'.repeat(5),
      });

      expect(settings.tickets.target).toEqual({ system: 'table' });
      expect(problems(settings)).toEqual(['TICKETS_WEBHOOK_SECRET invalid-value']);
    }
  });
});

interface MalformedKind {
  readonly setting: string;
  /** Everything else that gives the setting an effect. */
  readonly context: Environment;
  readonly texts: readonly string[];
  /** Words of the message that tell what would be valid. */
  readonly valid: string;
  /** What is no secret here but a valid text. */
  readonly isValid?: (text: string) => boolean;
}

/** Characters that cannot be seen, or that look like a blank. */
const unseen = ['\0', '\t', '\n', '\r', '\u001B', '\u007F', '\u00A0', '\u00AD', '\u200B', '\u202E', '\u2028', '\uFEFF'];

/** A name with each of these characters at its beginning, in its middle and at its end. */
function spoilt(name: string, characters: string): readonly string[] {
  return [...characters.split(''), ...unseen, '\uD800', '\uFF21'].flatMap((character) => [
    `${character}${name}`,
    `${name.slice(0, 2)}${character}${name.slice(2)}`,
    `${name}${character}`,
  ]);
}

/** Texts that are no secret: too short, too long, with something that a header cannot carry. */
function secretLookalikes(secret: string, shortest: number): readonly string[] {
  return [
    '',
    secret.slice(0, shortest - 1),
    secret.padEnd(1025, 'x'),
    'x'.repeat(100_000),
    ...spoilt(secret, ' éł\u0301'),
    '@Microsoft.KeyVault(SecretUri=https://s3cret.vault.azure.net/secrets/x)',
    ' @Microsoft.KeyVault(VaultName=s3cret;SecretName=s)',
    '@Microsoft.AppConfiguration(Endpoint=https://s3cret.azconfig.io)',
  ];
}

const devOps = systems['azure-devops'];
const malformedKinds: readonly MalformedKind[] = [
  { setting: 'TICKETS_SYSTEM', context: {}, texts: lookalikes('table'), valid: 'table, azure-devops, github' },
  {
    setting: 'TICKETS_GRACE',
    context: {},
    texts: durationLookalikes('15m', '1441m', '25h', '2d').filter((text) => text !== '15m'),
    valid: 'at most 24h',
  },
  {
    setting: 'TICKETS_AZURE_DEVOPS_ORGANIZATION',
    context: devOps,
    texts: [
      '',
      ' ',
      '-contoso',
      'contoso-',
      'x'.repeat(51),
      'https://dev.azure.com/contoso',
      ...spoilt('contoso', '/\\._@:%?# é'),
    ],
    valid: 'up to 50 letters, digits and hyphens',
  },
  {
    setting: 'TICKETS_AZURE_DEVOPS_PROJECT',
    context: devOps,
    texts: [
      '',
      ' ',
      'x'.repeat(65),
      '_Platform',
      '.Platform',
      'Platform.',
      ' Platform',
      'Platform ',
      'Two  blanks',
      ...spoilt('Platform', '\\/:*?"<>|;#${},+=[]'),
    ],
    valid: 'the name of the project',
    isValid: (text) => /^x{61}$/.test(text),
  },
  {
    setting: 'TICKETS_AZURE_DEVOPS_TYPE',
    context: devOps,
    texts: ['', ' ', 'x'.repeat(129), ' Task', 'Task ', 'Two  blanks', ...spoilt('Task', '\\/:*?"<>|;#${},+=[]%&.')],
    valid: 'the name of a type',
    isValid: (text) => /^x{61}$/.test(text),
  },
  {
    setting: 'TICKETS_AZURE_DEVOPS_AREA_PATH',
    context: devOps,
    texts: [
      '',
      ' ',
      String.raw`\Platform`,
      'Platform\\',
      String.raw`Platform\\Clusters`,
      String.raw`Platform\ Clusters`,
      'x'.repeat(256),
      Array.from({ length: 400 }, () => 'xy').join('\\'),
      'Platform/Clusters',
      ...spoilt(String.raw`Platform\Clusters`, '/$?*:"&<>#%|+'),
    ],
    valid: 'names with a backslash between them',
    isValid: (text) => /^x{61}$|^Zm9v|^AccountKey=/.test(text),
  },
  {
    setting: 'TICKETS_GITHUB_REPOSITORY',
    context: systems.github,
    texts: [
      '',
      'contoso',
      '/ops',
      'contoso/',
      'contoso/ops/',
      'contoso//ops',
      'contoso/..',
      'contoso/.',
      'contoso/ops.git',
      'https://github.com/contoso/ops',
      'git@github.com:contoso/ops',
      '-contoso/ops',
      'contoso-/ops',
      'con--toso/ops',
      `${'x'.repeat(40)}/ops`,
      `contoso/${'x'.repeat(101)}`,
      ...spoilt('contoso/ops', '/?#%@: é\\'),
    ],
    valid: 'owner/name',
  },
  {
    setting: 'TICKETS_GITHUB_TOKEN',
    context: systems.github,
    texts: secretLookalikes(TOKEN, 16),
    valid: 'a Key Vault reference to a secret of 16 to 1024',
    isValid: () => true,
  },
  {
    setting: 'TICKETS_GITHUB_ALLOW_PUBLIC',
    context: systems.github,
    texts: lookalikes('on'),
    valid: 'on or off',
  },
  {
    setting: 'TICKETS_REDMINE_URL',
    context: systems.redmine,
    texts: urlLookalikes('https://redmine.example'),
    valid: 'https://host',
  },
  {
    setting: 'TICKETS_REDMINE_API_KEY',
    context: systems.redmine,
    texts: secretLookalikes(API_KEY, 16),
    valid: 'a Key Vault reference to a secret of 16 to 1024',
    isValid: () => true,
  },
  {
    setting: 'TICKETS_REDMINE_PROJECT',
    context: systems.redmine,
    texts: ['', 'SecOps', '7', '-secops', '_secops', 'x'.repeat(101), ...spoilt('secops', '/.?#%@: éA')],
    valid: 'the identifier of the project',
    isValid: (text) => /^x{61}$/.test(text),
  },
  {
    setting: 'TICKETS_REDMINE_TRACKER_ID',
    context: systems.redmine,
    texts: numberLookalikes('90').filter((text) => text !== '3651'),
    valid: 'from 1 to 999999',
  },
  {
    setting: 'TICKETS_REDMINE_FIELD_ID',
    context: systems.redmine,
    texts: numberLookalikes('90').filter((text) => text !== '3651'),
    valid: 'from 1 to 999999',
  },
  {
    setting: 'TICKETS_REDMINE_PRIORITIES',
    context: systems.redmine,
    texts: [
      ...lookalikes('high=4').filter((text) => text !== ''),
      'high=0',
      'high=1000000',
      'high=04',
      'high=-1',
      'high=4.5',
      'high',
      '=4',
      'urgent=4',
      'High=4',
      'high=4,high=4',
      'high=4,high=5',
      'high=4,',
      ',high=4',
      'high=4;low=2',
      'high=4, low=2',
      'high:4',
      '__proto__=4',
      'constructor=4',
      '{"high":4}',
    ],
    valid: '<severity>=<number>',
  },
  {
    setting: 'TICKETS_WEBHOOK_URL',
    context: systems.webhook,
    texts: urlLookalikes('https://hooks.example'),
    valid: 'https://host',
  },
  {
    setting: 'TICKETS_WEBHOOK_SECRET',
    context: systems.webhook,
    texts: secretLookalikes(SIGNING_SECRET, 32),
    valid: 'a Key Vault reference to a secret of 32 to 1024',
    isValid: (text) => text.length >= 32,
  },
  {
    setting: 'AKS_METRICS_ENDPOINTS',
    context: {},
    texts: [
      ...urlLookalikes('https://metrics.example').filter(
        (text) => !/^$|^ *https:\/\/metrics\.example *(?:,https|$)/.test(text),
      ),
      'https://metrics.example/path',
      'https://metrics.example,',
      ',https://metrics.example',
      'https://metrics.example;https://other.example',
      'https://metrics.example https://other.example',
    ],
    valid: 'https://host',
  },
  {
    setting: 'AKS_NODE_INSPECTION_INTERVAL',
    context: {},
    texts: durationLookalikes('10m', '1441m', '25h', '2d'),
    valid: 'at most 24h',
  },
  { setting: 'AKS_RUN_COMMAND', context: {}, texts: lookalikes('private-clusters'), valid: 'off or private-clusters' },
];

describe.each(malformedKinds)('a malformed $setting', ({ setting, context, texts, valid, isValid }) => {
  test('is one finding that lists what is valid, and its system gets no tickets', () => {
    const findings = new Set(texts).size;
    const results = texts.map((text) => {
      const settings = parse({ ...context, [setting]: text });
      const listsValid = settings.findings.map(({ message }) => message.includes(valid));
      return { text, findings: settings.findings.map((finding) => finding.setting), listsValid, ...settings.tickets };
    });

    expect(findings).toBeGreaterThanOrEqual(40);
    const safe = { findings: [setting], listsValid: [true], graceMs: 900_000, target: { system: 'table' } };
    expect(results).toEqual(texts.map((text) => ({ text, ...safe })));
  });

  test('is a finding as well while its system is not chosen', () => {
    const settings = parse({ [setting]: texts[1] });

    expect(settings.findings.map((finding) => finding.setting)).toEqual([setting]);
  });

  test('never shows a secret, a long value or an invisible character', () => {
    const secrets = ['Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA==', 'AccountKey=s3cret', 'https://u:s3cret@h', 'x'.repeat(61)];
    for (const text of [...texts, ...secrets.filter((secret) => isValid?.(secret) !== true)]) {
      const [finding] = parse({ ...context, [setting]: text }).findings;

      expect(finding?.message).toMatch(/^[\x20-\x7e]{20,500}$/);
      expect(finding?.message).not.toMatch(/s3cret|Zm9vYmFy|x{61}/);
    }
  });
});

test('every setting of tickets and nodes is among the malformed ones', () => {
  const names = [...Object.values(ticketSettings), ...Object.values(nodeSettings)].map(({ name }) => name);

  expect(malformedKinds.map(({ setting }) => setting)).toEqual(names);
});

describe('a secret', () => {
  const secrets = listSettings(catalogue).filter(({ secret }) => secret === true);
  const contexts = Object.values<Environment>(systems);

  test('is each setting that holds a credential', () => {
    expect(secrets.map(({ name }) => name)).toEqual([
      'TICKETS_GITHUB_TOKEN',
      'TICKETS_REDMINE_API_KEY',
      'TICKETS_WEBHOOK_SECRET',
    ]);
  });

  test.each(secrets)('$name that the platform did not resolve counts as missing, and is named as such', ({ name }) => {
    const context = contexts.find((environment) => Object.hasOwn(environment, name));
    const settings = parse({ ...context, [name]: '@Microsoft.KeyVault(SecretUri=https://s3cret.vault.azure.net/x)' });

    expect(problems(settings)).toEqual([`${name} unresolved-reference`]);
    expect(settings.findings[0]?.message).not.toContain('s3cret');
    expect(settings.tickets.target).toEqual({ system: 'table' });
  });

  test.each(secrets)('$name is told neither in whole nor in length when it is malformed, however short', ({ name }) => {
    for (const text of ['hunter2', 'x', ' ', 'correct horse battery staple']) {
      const [finding] = parse({ [name]: text }).findings;

      expect(finding?.message).toMatch(
        new RegExp(
          `^${name} is not valid \\(a secret, not shown\\)\\. Valid: a Key Vault reference to a secret of \\d+`,
        ),
      );
      expect(finding?.message).not.toMatch(/hunter2|horse/);
    }
  });

  test('does not change the hash, but having one does', () => {
    const hashes = (['github', 'redmine', 'webhook'] as const).map((system) => {
      const [name = ''] = secrets
        .map((setting) => setting.name)
        .filter((known) => Object.hasOwn(systems[system], known));
      const one = parse(systems[system]);
      const other = parse({ ...systems[system], [name]: 'another-one'.repeat(4) });
      expect(other.tickets).not.toEqual(one.tickets);
      expect(other.hash).toBe(one.hash);
      expect(parse(without(systems[system], name)).hash).not.toBe(one.hash);
      return one.hash;
    });

    expect(new Set([...hashes, parse({}).hash, parse(systems['azure-devops']).hash]).size).toBe(5);
  });
});

describe('names that other systems gave', () => {
  test.each([
    ['TICKETS_AZURE_DEVOPS_ORGANIZATION', devOps, ['c', '0', 'contoso-2', 'x'.repeat(50)]],
    [
      'TICKETS_AZURE_DEVOPS_PROJECT',
      devOps,
      ['Ops & Co', 'Équipe Plateforme', 'プラットフォーム', 'a_b.c-d', "O'Neill", 'x'.repeat(64)],
    ],
    ['TICKETS_AZURE_DEVOPS_TYPE', devOps, ['User Story', 'Product Backlog Item', 'Aufgabe', 'Tâche']],
    ['TICKETS_AZURE_DEVOPS_AREA_PATH', devOps, ['Platform', String.raw`Ops Ü\Team 1\a.b_c-d`, 'x'.repeat(255)]],
    ['TICKETS_GITHUB_REPOSITORY', systems.github, ['a/b', 'con-toso/.github', 'x1/a_b.c-d', `${'x'.repeat(39)}/y`]],
    ['TICKETS_REDMINE_PROJECT', systems.redmine, ['a', 'sec-ops_2', 'x'.repeat(100)]],
    ['TICKETS_REDMINE_TRACKER_ID', systems.redmine, ['1', '999999']],
    ['TICKETS_GITHUB_TOKEN', systems.github, ['x'.repeat(16), 'x'.repeat(1024), '!"#$%&~{|}()*+,-./']],
    ['TICKETS_WEBHOOK_SECRET', systems.webhook, ['x'.repeat(32), 'x'.repeat(1024)]],
    ['TICKETS_REDMINE_PRIORITIES', systems.redmine, ['', 'info=1', 'low=1,high=2,info=3,medium=4']],
  ] as const)('%s are taken as they are', (setting, context, texts) => {
    for (const text of texts) {
      const settings = parse({ ...context, [setting]: text });

      expect(settings.findings).toEqual([]);
      expect(settings.tickets.target.system).toBe(context.TICKETS_SYSTEM);
    }
  });
});

describe('the inspection of nodes', () => {
  test('asks no metrics and runs no command unless told so', () => {
    expect(parse({}).nodes).toEqual({ metricsEndpoints: [], inspectionIntervalMs: 600_000, runCommand: 'off' });
  });

  test('is as its settings say', () => {
    const settings = parse({
      AKS_METRICS_ENDPOINTS: 'https://a.example , https://B.example:8443/,https://a.example',
      AKS_NODE_INSPECTION_INTERVAL: '0m',
      AKS_RUN_COMMAND: 'private-clusters',
    });

    expect(settings.findings).toEqual([]);
    expect(settings.nodes).toEqual({
      metricsEndpoints: ['https://a.example', 'https://b.example:8443'],
      inspectionIntervalMs: 0,
      runCommand: 'private-clusters',
    });
  });

  test('keeps what is valid of its endpoints, and the defaults of what is not', () => {
    const settings = parse({
      AKS_METRICS_ENDPOINTS: 'https://a.example,http://b.example,https://c.example/x',
      AKS_NODE_INSPECTION_INTERVAL: '25h',
      AKS_RUN_COMMAND: 'on',
    });

    expect(problems(settings)).toEqual([
      'AKS_METRICS_ENDPOINTS invalid-value',
      'AKS_NODE_INSPECTION_INTERVAL invalid-value',
      'AKS_RUN_COMMAND invalid-value',
    ]);
    expect(settings.nodes).toEqual({
      metricsEndpoints: ['https://a.example'],
      inspectionIntervalMs: 600_000,
      runCommand: 'off',
    });
  });
});

test.each(['TICKETS_GITHUB_TOKENS', 'TICKET_SYSTEM', 'Tickets_System', 'TICKETS_X'])(
  'the unknown name %s is a finding, and its value is not shown',
  (name) => {
    const settings = parse({ [name]: 's3cret' });

    expect(problems(settings)).toEqual([`${name} unknown-setting`]);
    expect(settings.findings[0]?.message).toContain('It has no effect.');
    expect(settings.findings[0]?.message).not.toContain('s3cret');
  },
);
