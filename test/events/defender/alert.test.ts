import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDefender } from '../../../src/events/defender/parse-defender.ts';
import { DefenderAlert } from '../../../src/resources/defender.ts';
import { isPlainObject } from '../../../src/resources/lenient.ts';
import { alertOf, CLUSTER, causeOf, exported, MACHINE, outcomeOf, REGISTRY, VAULT } from './samples.ts';

const FOLDER = new URL('../../fixtures/events/', import.meta.url);
const RECEIVED = '2026-11-02T18:40:00.000Z';

function read(name: string): Readonly<Record<string, unknown>> {
  const content: unknown = JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'));
  if (!isPlainObject(content)) throw new Error(`${name} is no object`);
  return content;
}

function placeOf(change: Readonly<Record<string, unknown>>): string {
  return causeOf(exported(change)).resourceId.id;
}

function timesOf(change: Readonly<Record<string, unknown>>): readonly string[] {
  const { changedAt, raisedAt } = alertOf(exported({ TimeGenerated: undefined, ...change }));
  return [raisedAt, changedAt];
}

/** An entity that stands for a person. */
function account(AadUserId: unknown) {
  return { Type: 'account', Name: 'secret name', UPNSuffix: 'contoso.com', AadUserId };
}

function id(digit: number): string {
  return `0000000${digit}-aaaa-4000-8000-00000000000${digit}`;
}

describe('the shapes of an alert', () => {
  const drift = {
    id: '57963b4b-3cb0-dc3a-16ed-000000000001',
    type: 'K8S.NODE_DriftDetection',
    severity: 'High',
    title: 'A drift binary detected executing in the container',
    description: 'A binary that was not in the image ran.\nLook into it.',
    intent: 'Persistence, CredentialAccess',
    steps: 'Find out who started it.\nStop the container.',
    links:
      'https://portal.azure.com/#blade/Microsoft_Azure_Security_AzureDefenderForData/AlertBlade/alertId/57963b4b-3cb0-dc3a-16ed-000000000001/subscriptionId/11111111-2222-3333-4444-555555555555',
    raisedAt: '2026-11-02T18:37:16.485Z',
    changedAt: '2026-11-02T18:38:04.611Z',
    status: 'active',
  };

  test('exported, it is read whole, and its entities are dropped', () => {
    const { alert, cause, resourceId } = causeOf(read('defender-alert-node'));

    expect(alert).toEqual(drift);
    expect(cause).toEqual({ kind: 'alert', id: drift.id, time: drift.raisedAt, operation: drift.type });
    expect(resourceId.id).toBe(CLUSTER);
  });

  test('from a Logic App it has the same names', () => {
    expect(alertOf(read('defender-alert-logic-app'))).toEqual({
      ...drift,
      id: '57963b4b-3cb0-dc3a-16ed-000000000008',
      links: drift.links,
    });
  });

  test.each(['defender-alert-rest', 'defender-alert-resource-graph'])(
    '%s is the same alert under `properties`',
    (name) => {
      const alert = alertOf(read(name));

      expect({ ...alert, id: drift.id }).toEqual({ ...drift, links: `${drift.links} https://contoso.com/reports/1` });
    },
  );

  test('the REST API names it outside, too, and what it says inside counts', () => {
    const properties = {
      alertType: 'X',
      timeGeneratedUtc: '2026-11-02T18:37:16Z',
      extendedProperties: { effectiveAzureResourceId: CLUSTER },
    };

    expect(alertOf({ name: 'outside', properties }).id).toBe('outside');
    expect(alertOf({ name: 'outside', properties: { ...properties, systemAlertId: 'inside' } }).id).toBe('inside');
  });

  test('names may be in any casing', () => {
    const shouting = Object.fromEntries(Object.entries(exported()).map(([name, value]) => [name.toUpperCase(), value]));

    expect(alertOf(shouting)).toEqual(alertOf(exported()));
  });

  test('what is stored of it is valid for the table', () => {
    for (const name of ['defender-alert-node', 'defender-alert-resolved', 'defender-alert-rest', 'defender-alert'])
      expect(DefenderAlert.parse({ ...alertOf(read(name)), receivedAt: RECEIVED })).toMatchObject({
        receivedAt: RECEIVED,
      });
  });
});

describe('the resource of an alert', () => {
  const effective = { ExtendedProperties: { EffectiveAzureResourceId: REGISTRY } };
  const identifiers = { ResourceIdentifiers: [{ Type: 'AAD' }, { AzureResourceId: REGISTRY }] };
  const entities = { Entities: [{ Type: 'azure-resource', ResourceId: REGISTRY }] };
  const nested = { Entities: [{ Type: 'K8s-cluster', CloudResource: { ResourceId: REGISTRY } }] };
  const none = { AzureResourceId: undefined };

  test.each([
    ['the effective one', effective],
    ['an identifier', identifiers],
    ['its own', { AzureResourceId: REGISTRY }],
    ['an entity', entities],
    ['the cloud resource of an entity', nested],
  ])('may be in each place: %s', (_place, change) => {
    expect(causeOf(exported({ ...none, ...change })).resourceId.id).toBe(REGISTRY);
  });

  test('is the effective one before the identifiers, those before its own, and that before the entities', () => {
    const other = [{ AzureResourceId: CLUSTER }];
    const entity = [{ ResourceId: CLUSTER }];

    expect(placeOf({ ...effective, ResourceIdentifiers: other, Entities: entity })).toBe(REGISTRY);
    expect(placeOf({ ...identifiers, Entities: entity })).toBe(REGISTRY);
    expect(placeOf({ AzureResourceId: REGISTRY, Entities: entity })).toBe(REGISTRY);
  });

  test('is the first that is covered: a subscription and a machine are passed over', () => {
    const change = {
      ExtendedProperties: { EffectiveAzureResourceId: MACHINE },
      ResourceIdentifiers: [{ AzureResourceId: '/subscriptions/11111111-2222-3333-4444-555555555555' }],
      AzureResourceId: REGISTRY.toUpperCase(),
    };

    expect(causeOf(exported(change)).resourceId.key).toBe(REGISTRY.toLowerCase());
  });

  test('is the vault of a key, and the cluster of what lies in it', () => {
    expect(causeOf(exported({ AzureResourceId: `${VAULT}/keys/shop-key` })).resourceId.id).toBe(VAULT);
    expect(causeOf(exported({ AzureResourceId: `${CLUSTER}/agentPools/system` })).resourceId.id).toBe(CLUSTER);
  });

  test('that is covered and odd is reported, and none is guessed', () => {
    expect(outcomeOf(exported({ AzureResourceId: `${CLUSTER}/../../x` }))).toBe('invalid invalid-resource-id');
    expect(outcomeOf(exported({ AzureResourceId: CLUSTER.replace('11111111-', '') }))).toBe(
      'invalid invalid-resource-id',
    );
    expect(outcomeOf(exported({ ...none, CompromisedEntity: 'shop-cluster' }))).toBe('ignored no-covered-resource');
  });

  test.each([
    ['wrongly typed lists', { ResourceIdentifiers: {}, Entities: 'x', ExtendedProperties: [] }],
    ['lists of junk', { ResourceIdentifiers: [null, 7, 'x', []], Entities: [null, 7, 'x', [], { ResourceId: 7 }] }],
    ['references that lead nowhere', { Entities: [{ $ref: '9' }, { $id: '1', CloudResource: { $ref: '1' } }] }],
    ['an effective one that is no text', { ExtendedProperties: { EffectiveAzureResourceId: { id: REGISTRY } } }],
  ])('is its own in spite of %s', (_what, change) => {
    expect(causeOf(exported(change)).resourceId.id).toBe(CLUSTER);
  });

  test('is not looked for in entities without end', () => {
    const many = [...Array.from({ length: 200 }, () => ({ Type: 'ip' })), { ResourceId: REGISTRY }];

    expect(outcomeOf(exported({ ...none, Entities: many }))).toBe('ignored no-covered-resource');
    expect(causeOf(exported({ ...none, Entities: many.slice(1) })).resourceId.id).toBe(REGISTRY);
  });
});

describe('the accounts of an alert', () => {
  test('are kept as object ids, in one spelling, each once, and without names', () => {
    const found = alertOf(
      exported({ Entities: [account(id(1).toUpperCase()), account(id(2)), account(id(1)), 5, null] }),
    );

    expect(found.accounts).toBe(`${id(1)} ${id(2)}`);
    expect(JSON.stringify(found)).not.toContain('secret name');
  });

  test('are at most five', () => {
    const found = alertOf(exported({ Entities: [1, 2, 3, 4, 5, 6].map((digit) => account(id(digit))) }));

    expect(found.accounts?.split(' ')).toHaveLength(5);
  });

  test.each([undefined, 7, 'me@contoso.com', '00000000-0000-0000-0000-000000000000'])('are none for %j', (value) => {
    expect(alertOf(exported({ Entities: [account(value)] }))).not.toHaveProperty('accounts');
  });
});

describe('an alert that means nothing', () => {
  test.each([
    ['a title', { AlertDisplayName: '[SAMPLE ALERT] Mining' }],
    ['a title in another casing', { AlertDisplayName: ' [Sample alert] Mining' }],
    ['a description', { Description: 'THIS IS A SAMPLE ALERT: x' }],
    ['an entity', { Entities: [7, { ThreatIntelligence: [null, { ProviderName: 'AlertSimulator' }] }] }],
  ])('is marked as a sample by %s alone', (_mark, change) => {
    expect(outcomeOf(exported(change))).toBe('ignored sample-alert');
  });

  test('is none because a mark stands in the middle of a text', () => {
    expect(
      alertOf(exported({ AlertDisplayName: 'Not a [SAMPLE ALERT]', Description: 'x THIS IS A SAMPLE ALERT' })).status,
    ).toBe('active');
  });

  test.each(['K8S.NODE_EICAR', 'VM_EICAR', 'vm_eicar', 'EICAR'])('is the test %s', (AlertType) => {
    expect(outcomeOf(exported({ AlertType }))).toBe('ignored test-alert');
  });

  test('is not one whose type only looks like the test', () => {
    expect(alertOf(exported({ AlertType: 'K8S_EICARX' })).type).toBe('K8S_EICARX');
    expect(alertOf(exported({ AlertType: 'K8S_NOTEICAR' })).type).toBe('K8S_NOTEICAR');
  });

  test('says which it was', () => {
    expect(parseDefender(exported({ AlertType: 'VM_EICAR' }))).toEqual({
      result: 'ignored',
      reason: 'test-alert',
      eventId: 'alert-1',
      time: '2026-11-02T18:37:16.485Z',
    });
  });
});

describe('the state of an alert', () => {
  test.each(['Resolved', 'Dismissed', ' resolved ', 'DISMISSED'])('is closed when it is %s', (Status) => {
    const { alert, cause } = causeOf(exported({ Status, ProcessingEndTime: '2026-11-03T08:00:00Z' }));

    expect(alert?.status).toBe('closed');
    expect(cause).toEqual({
      kind: 'notification',
      id: 'alert-1 closed 2026-11-03T08:00:00.000Z',
      time: '2026-11-03T08:00:00.000Z',
      operation: 'Microsoft.Security/alerts/closed',
    });
  });

  test.each(['New', 'Active', 'InProgress', 'Whatever', '', undefined, 7])('is active when it is %s', (Status) => {
    expect(causeOf(exported({ Status }))).toMatchObject({
      alert: { status: 'active' },
      cause: { kind: 'alert', id: 'alert-1' },
    });
  });
});

describe('the severity of an alert', () => {
  test.each([
    ['High', 'High'],
    ['medium', 'Medium'],
    [' LOW ', 'Low'],
    ['Informational', 'Informational'],
    ['Catastrophic', 'High'],
    ['', 'High'],
    [undefined, 'High'],
    [3, 'High'],
  ])('%s is read as %s', (Severity, expected) => {
    expect(alertOf(exported({ Severity })).severity).toBe(expected);
  });
});

describe('the times of an alert', () => {
  test('are when it was generated, else when it began; and when it was processed, else the same', () => {
    const [one, two] = ['2026-11-01T00:00:00.000Z', '2026-11-02T00:00:00.000Z'];

    expect(timesOf({ TimeGenerated: one })).toEqual([one, one]);
    expect(timesOf({ TimeGeneratedUtc: one, ProcessingEndTimeUtc: two })).toEqual([one, two]);
    expect(timesOf({ StartTimeUtc: one, ProcessingEndTime: two })).toEqual([one, two]);
    expect(timesOf({ TimeGenerated: 'soon', StartTimeUtc: one, ProcessingEndTime: '0001-01-01T00:00:00Z' })).toEqual([
      one,
      one,
    ]);
  });

  test('are demanded, as is its id', () => {
    expect(outcomeOf(exported({ TimeGenerated: 'soon' }))).toBe('invalid missing-field:timeGenerated');
    for (const SystemAlertId of [undefined, '', 7, 'x'.repeat(129), 'a\nb', "a' or 1 eq 1", '../x', 'a b'])
      expect(outcomeOf(exported({ SystemAlertId }))).toBe('invalid missing-field:systemAlertId');
  });
});

describe('an alert of an unknown kind', () => {
  test('is an alert all the same', () => {
    expect(alertOf(exported({ AlertType: 'K9S_NobodyKnowsIt' })).type).toBe('K9S_NobodyKnowsIt');
  });

  test('without a title is called by its type', () => {
    expect(alertOf(exported({ AlertDisplayName: undefined })).title).toBe('K8S_ExposedDashboard');
  });

  test('without a usable type is one, as long as it has an id', () => {
    expect(causeOf(exported({ AlertType: 'x'.repeat(129) }))).toMatchObject({
      alert: { type: '' },
      cause: { operation: '' },
    });
    expect(causeOf(exported({ AlertType: undefined })).cause.kind).toBe('alert');
  });
});

describe('the texts of an alert', () => {
  const LIMITS = { title: 300, description: 4000, intent: 300, steps: 4000, links: 4000 } as const;

  test('are cut, however long', () => {
    const long = 'x'.repeat(1_000_000);
    const alert = alertOf(
      exported({
        AlertDisplayName: long,
        Description: long,
        Intent: long,
        RemediationSteps: [long, long],
        AlertUri: `https://x/${long}`,
      }),
    );

    for (const [name, limit] of Object.entries(LIMITS))
      expect(String(Object.entries(alert).find(([key]) => key === name)?.[1]).length).toBeLessThanOrEqual(limit);
    expect(alert.description).toHaveLength(4000);
    expect(alert.links).toBe('');
  });

  test('hide nothing: control characters, marks of direction and lone surrogates are gone, line breaks stay', () => {
    const hostile = 'a\u0000b\u001B[2Kc\u202Egnp.exe\u2066d\u200B\uFEFF\r\ne\rf\uD800g';
    const alert = alertOf(
      exported({
        AlertDisplayName: hostile,
        Description: hostile,
        Intent: hostile,
        RemediationSteps: hostile,
        AlertType: 'T\u202E\u0007',
      }),
    );

    for (const text of [alert.title, alert.description, alert.intent, alert.steps, alert.type]) {
      expect(text).not.toMatch(/[^\P{C}\n]/u);
      expect(text.isWellFormed()).toBe(true);
    }
    expect(alert.description).toContain('\ne\nf');
    expect(alert.title).toContain(' e f');
  });

  test('are well formed although the cut goes through a character', () => {
    expect(alertOf(exported({ AlertDisplayName: `${'x'.repeat(299)}😀` })).title.isWellFormed()).toBe(true);
  });

  test('are kept as they are otherwise: whoever shows them, escapes them', () => {
    expect(alertOf(exported({ Description: '<img src=x onerror=alert(1)> `x` | [a](b)' })).description).toBe(
      '<img src=x onerror=alert(1)> `x` | [a](b)',
    );
  });

  test('of the wrong type are empty', () => {
    const alert = alertOf(
      exported({
        Description: 7,
        Intent: [],
        RemediationSteps: [7, null, 'one', {}],
        ExtendedLinks: 'x',
        AlertUri: {},
      }),
    );

    expect(alert).toMatchObject({ description: '', intent: '', steps: 'one', links: '' });
  });
});

describe('the links of an alert', () => {
  test.each([
    'javascript:alert(1)',
    'http://portal.azure.com/',
    'data:text/html,x',
    'https://portal.azure.com@evil.example/',
    'https://user:secret@portal.azure.com/',
    'no link',
    '//portal.azure.com/',
    '',
    `https://portal.azure.com/${'x'.repeat(1000)}`,
  ])('lead nobody to %s', (link) => {
    expect(alertOf(exported({ AlertUri: link, ExtendedLinks: [{ Href: link }] })).links).toBe('');
  });

  test('have no blank in them, so that each ends where it ends', () => {
    const { links } = alertOf(
      exported({ AlertUri: 'https://a.example/x y', ExtendedLinks: [{ href: 'https://b.example/\nz' }, null] }),
    );

    expect(links).toBe('https://a.example/x%20y https://b.example/z');
  });

  test('are whole: of more than fit, the last are left out', () => {
    const ExtendedLinks = Array.from({ length: 10 }, (_, index) => ({
      Href: `https://a.example/${index}${'x'.repeat(900)}`,
    }));
    const links = alertOf(exported({ ExtendedLinks })).links.split(' ');

    expect(links).toHaveLength(4);
    for (const link of links) expect(link).toMatch(/^https:\/\/a\.example\/\dx{900}$/);
  });
});

describe('whatever an alert holds', () => {
  const texts = fc.oneof(
    fc.constantFrom(CLUSTER, REGISTRY, `${VAULT}/keys/k`, MACHINE, '[SAMPLE ALERT]', '2026-11-02T18:37:16Z'),
    fc.string({ unit: 'binary' }),
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      texts,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      tie('list'),
      tie('object'),
    ),
    list: fc.array(tie('value'), { maxLength: 3 }),
    object: fc.dictionary(
      fc.constantFrom(
        'ResourceId',
        'CloudResource',
        '$ref',
        '$id',
        'EffectiveAzureResourceId',
        'AzureResourceId',
        'Href',
        'ThreatIntelligence',
        'x',
      ),
      tie('value'),
      { maxKeys: 4 },
    ),
  })).value;
  const names = [
    'AlertType',
    'SystemAlertId',
    'TimeGenerated',
    'Severity',
    'Status',
    'AlertDisplayName',
    'Description',
    'Intent',
    'AzureResourceId',
    'AlertUri',
    'RemediationSteps',
    'ExtendedLinks',
    'ExtendedProperties',
    'ResourceIdentifiers',
    'Entities',
    'properties',
    'name',
  ];
  const changes = fc.dictionary(fc.constantFrom(...names), json, { maxKeys: 6 });

  test('it is read without an error, into a row that is valid, about a resource that it names', () => {
    let causes = 0;
    fc.assert(
      fc.property(changes, (change) => {
        const element = exported(change);
        const parsed = parseDefender(element);
        if (parsed.result !== 'cause') return;
        causes += 1;
        expect(JSON.stringify(element).toLowerCase()).toContain(parsed.resourceId.key);
        if (parsed.alert !== undefined) DefenderAlert.parse({ ...parsed.alert, receivedAt: RECEIVED });
      }),
      { numRuns: 1000 },
    );
    expect(causes).toBeGreaterThan(50);
  });

  test('it may be anything at all', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.jsonValue(), json), (element) => {
        const parsed = parseDefender(element);
        expect(['cause', 'ignored', 'invalid']).toContain(parsed.result);
      }),
      { numRuns: 1000 },
    );
  });
});
