import { spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Evidence, PartItem } from '../../src/policy/define-policy.ts';
import { COVERAGE_REASONS } from '../../src/policy/node-health/detection.ts';
import { type AdviceContext, askFor, shellQuote, targetOptions } from '../../src/remediations/advice.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import type { ResourceType } from '../../src/resources/resource-map.ts';
import { linesOf, runCommands } from './run-commands.ts';

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** What `sh` makes of these words. */
function wordsInShell(texts: readonly string[]): readonly string[] {
  const script = `printf '%s\\n' ${texts.map(shellQuote).join(' ')}`;
  const { stdout, stderr, status } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').slice(0, -1);
}

describe('a quoted word', () => {
  const meta = fc.constantFrom(
    ...'\'"`$\\!&|;<>(){}[]*?~#=%^ \t\n\r\0'.split(''),
    '$(x)',
    "'\\''",
    '\u202E',
    '\uD800',
    '${IFS}',
  );
  const texts = fc.array(
    fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.array(meta).map((parts) => parts.join('')),
    ),
    {
      minLength: 1,
      maxLength: 30,
    },
  );

  it('is in the shell exactly what it was, one word on one line, but for what cannot be seen', () => {
    fc.assert(
      fc.property(texts, (words) => {
        expect(wordsInShell(words)).toEqual(words.map((word) => word.replaceAll(UNSEEN, '\uFFFD')));
      }),
      { numRuns: 200 },
    );
  });

  it('shows every character of a terminal that does something else than show itself', () => {
    for (const hidden of [
      'a\nrm -rf /',
      'a\r\u001B[2K',
      'a\u202Egnp.exe',
      'a\u200B',
      'a\u2028b',
      'a\uD800',
      'a\u0085',
    ]) {
      expect(shellQuote(hidden)).toMatch(/^'a\uFFFD[^\p{C}\p{Zl}\p{Zp}]*'$/u);
    }
  });

  it('keeps letters of any script', () => {
    expect(shellQuote('rg-größe_日本(1)')).toBe("'rg-größe_日本(1)'");
  });
});

describe('a word that the reader has to supply', () => {
  it('is what the variable holds, as one word', () => {
    const { calls } = runCommands([`az ${askFor('TAG', 'a tag')}`], { TAG: "a b'$(touch pwned)" });

    expect(calls).toEqual([['az', "a b'$(touch pwned)"]]);
  });

  it('stops the line, and says what for, while there is none', () => {
    const { calls, status, errors } = runCommands([`az ${askFor('TAG', 'a tag')}`], { TAG: '' });

    expect(calls).toEqual([]);
    expect(status).not.toBe(0);
    expect(errors).toMatch(/TAG: set it to a tag/);
  });
});

const ids = {
  registry:
    '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg(Größe)_1/providers/Microsoft.ContainerRegistry/registries/contosoacr',
  cluster:
    '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-aks/providers/Microsoft.ContainerService/managedClusters/aks-prod',
  key: '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-keys/providers/Microsoft.KeyVault/vaults/contoso-kv/keys/data',
};

function idFor(type: ResourceType): string {
  if (type.startsWith('Microsoft.KeyVault/')) return ids.key;
  return type.includes('Registry') ? ids.registry : ids.cluster;
}

const HOSTILE = `x'; touch pwned; '"$(touch pwned)\`touch pwned\`\n touch pwned #`;
const reasons = [
  'dependants-found',
  'dependants-unreadable',
  'before-too-large',
  'tag-value-not-allowed',
  'tag-default-missing',
  'tag-limit-reached',
  'not-opted-in',
  'pinned-users-found',
  'no-known-users',
  'expiry-too-short',
  'war-with-writer',
  'war-with-many',
  'violation',
  '',
  'constructor',
  '__proto__',
  HOSTILE,
];
const codes = COVERAGE_REASONS.join(', ');
const evidences: readonly Evidence[] = [
  {},
  { reasons: codes },
  {
    reasons: `${codes}, ${HOSTILE}`,
    missing: `owner, ${HOSTILE}`,
    notAllowed: HOSTILE,
    channel: HOSTILE,
    count: 3,
    x: null,
  },
  { missing: 'owner, costCenter', notAllowed: 'env', image: true },
];
const items: readonly (readonly PartItem[])[] = [
  [],
  [{ name: 'aks-system-25481572-vmss000007', id: '1', detail: 'waits' }],
  [
    { name: HOSTILE, id: HOSTILE, detail: HOSTILE, since: HOSTILE },
    { name: '--all', id: '2', detail: '' },
  ],
  Array.from({ length: 50 }, (_, index) => ({ name: `aks-user-1-vmss0000${index}`, id: `${index}`, detail: 'waits' })),
];

/** Everything that could come along, also what no parser of ours would let pass. */
function contextsFor(id: string): readonly AdviceContext[] {
  const target = parseResourceId(id);
  const broken = { ...target, id: HOSTILE, subscriptionId: HOSTILE, resourceGroup: HOSTILE, name: HOSTILE };
  return [target, broken].flatMap((about) =>
    ['', 'system', HOSTILE].flatMap((part) =>
      evidences.flatMap((evidence) => items.map((list) => ({ target: about, part, evidence, items: list }))),
    ),
  );
}

const advisers = [
  ...remediations.map((remediation) => ({ entry: remediation, policy: remediation.fixes, given: reasons })),
  // A tracker does not ask for the reason.
  ...trackers.map((tracker) => ({ entry: tracker, policy: tracker.tracks, given: [''] })),
];

describe.each(advisers)('$entry.id', ({ entry, policy, given }) => {
  const contexts = contextsFor(idFor(policy.resource));
  const advices = contexts.flatMap((context) => given.map((reason) => entry.advise({ ...context, reason })));
  const scripts = [...new Set(advices.map((advice) => linesOf(advice).join('\n')))];

  it('says in one sentence what to do first, then how', () => {
    for (const { summary, steps } of advices) {
      expect(summary).toMatch(/^[A-Z][^\n]{20,300}\.$/s);
      expect(steps.length).toBeGreaterThan(0);
      for (const { text } of steps) expect(text).toMatch(/^[A-Z0-9].{10,500}[.:]$/s);
      expect(JSON.stringify(steps).length).toBeLessThan(25_000);
    }
  });

  it('gives lines that a shell can read, and each of them is one line', () => {
    for (const advice of advices) {
      const lines = linesOf(advice);
      expect(lines.filter((line) => !/^[^\p{C}\p{Zl}\p{Zp}]+$/u.test(line))).toEqual([]);
    }
    const { status, stderr } = spawnSync('sh', ['-n'], {
      input: scripts.join('\n'),
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('runs nothing but what it means to run, whatever the names are', () => {
    const { calls, files, errors } = runCommands(scripts);

    expect(errors).toBe('');
    expect(files).toEqual([]);
    expect(scripts.length).toBeGreaterThanOrEqual(2);
    expect(calls.length).toBeGreaterThanOrEqual(scripts.length);
    expect(
      [...new Set(calls.map(([program = '']) => program))].filter(
        (name) => !/^(?:az|kubectl|helm|dockwarden)$/.test(name),
      ),
    ).toEqual([]);
    expect(calls.flat().filter((word) => word === 'touch' || word === 'pwned')).toEqual([]);
  });

  it('keeps passwords out of the terminal', () => {
    for (const line of scripts.join('\n').split('\n')) {
      expect(line).not.toMatch(/--admin(?!-enabled)|credential show|--debug|credential renew(?!.* --output none$)/);
    }
  });
});

it('options of az name the resource exactly', () => {
  const { calls } = runCommands([`az aks show ${targetOptions(parseResourceId(ids.cluster))}`]);

  expect(calls).toEqual([
    [
      'az',
      'aks',
      'show',
      '--subscription',
      '11111111-2222-3333-4444-555555555555',
      '--resource-group',
      'rg-aks',
      '--name',
      'aks-prod',
    ],
  ]);
});
