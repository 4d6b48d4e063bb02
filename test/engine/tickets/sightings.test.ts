import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evidenceOf } from '../../../src/engine/tickets/evidence.ts';
import type { Sighting } from '../../../src/engine/tickets/life-cycle.ts';
import { hash, type Look, sightingsOf } from '../../../src/engine/tickets/sightings.ts';
import { aksNodeRebootCompleted } from '../../../src/policy/aks/node-reboot-completed.ts';
import {
  compliant,
  notApplicable,
  type Part,
  unknown,
  type Verdict,
  violation,
} from '../../../src/policy/define-policy.ts';
import { item } from './ticket-samples.ts';

const TICKET = { decision: 'ticket', reason: 'ticket-only' } as const;

function look(verdict: Verdict, change: Partial<Look> = {}): Look {
  return {
    target: { name: 'aks-prod' },
    policy: aksNodeRebootCompleted,
    verdict,
    decision: TICKET,
    remediationId: 'aks-complete-node-reboot',
    isTracked: true,
    isInScope: true,
    actor: 'somebody',
    knownParts: [],
    ...change,
  };
}

function overdue(name: string, change: Partial<Part> = {}): Part {
  return {
    name,
    verdict: 'violation',
    evidence: { found: `${name} waits` },
    confidence: 'certain',
    strength: 2,
    items: [item('node-a'), item('node-b')],
    ...change,
  };
}

function parted(...parts: readonly Part[]): Verdict {
  return { verdict: 'violation', evidence: { found: 'somewhere' }, parts };
}

function sightings(verdict: Verdict, change: Partial<Look> = {}): Readonly<Record<string, Sighting>> {
  return Object.fromEntries(sightingsOf(look(verdict, change)));
}

/** What the look says in the ticket of one part. */
function contentOf(verdict: Verdict, change: Partial<Look> = {}, part = '') {
  const sighting = sightingsOf(look(verdict, change)).get(part);
  if (sighting?.seen !== 'violation') throw new Error(`a violation was expected, not ${sighting?.seen}`);
  return sighting.content;
}

describe('a verdict about the whole resource', () => {
  it('that is a violation is one ticket, with everything that was seen and decided', () => {
    const decision = { ...TICKET, because: 'in use by a job' };

    expect(sightings(violation({ adminUserEnabled: true }), { decision })).toEqual({
      '': {
        seen: 'violation',
        content: {
          remediationId: 'aks-complete-node-reboot',
          title: 'aks-prod: not met – No node waits for a reboot',
          severity: 'high',
          strength: 3,
          reason: 'ticket-only',
          because: 'in use by a job',
          evidence: '{"adminUserEnabled":true}',
          evidenceHash: expect.stringMatching(/^[0-9a-f]{64}$/),
          items: [],
          itemCount: 0,
          actor: 'somebody',
        },
      },
    });
  });

  it('leaves out what is not known, and cuts words that are too long', () => {
    const decision = { ...TICKET, because: 'x'.repeat(5000) };

    const content = contentOf(violation({}), { decision, remediationId: undefined, actor: undefined });

    expect(content.because).toHaveLength(2000);
    for (const name of ['remediationId', 'actor', 'confidence']) expect(content).not.toHaveProperty(name);
    expect(contentOf(violation({}))).not.toHaveProperty('because');
  });

  it.each<[string, Verdict, Sighting]>([
    ['compliant', compliant, { seen: 'clean', strength: 3, resolution: 'fixed' }],
    ['not applicable', notApplicable('stopped'), { seen: 'clean', strength: 3, resolution: 'not-applicable' }],
    ['unknown', unknown('properties'), { seen: 'unclear' }],
  ])('that is %s speaks about every ticket that there may be, and makes none', (_what, verdict, expected) => {
    expect(sightings(verdict, { decision: undefined })).toEqual({});
    expect(sightings(verdict, { knownParts: ['', 'system'] })).toEqual({ '': expected, system: expected });
  });

  it('that is a violation does not say which of the parts with a ticket are concerned', () => {
    expect(sightings(violation({}), { knownParts: ['system', ''] })).toEqual({
      system: { seen: 'unclear' },
      '': { seen: 'violation', content: contentOf(violation({})) },
    });
  });

  it.each<[string, Look['decision']]>([
    ['a fix of our own', { decision: 'fix', reason: 'mode-enforce' }],
    ['waiting', { decision: 'defer', reason: 'outside-window' }],
    ['a question to people', { decision: 'await-approval', reason: 'approval-missing' }],
    ['only being observed, as it is switched off', { decision: 'observe', reason: 'remediation-off' }],
    ['nothing that was decided', undefined],
  ])('that led to %s opens no ticket, and leaves those that there are', (_what, decision) => {
    expect(sightings(violation({}), { decision })).toEqual({});
    expect(sightings(violation({}), { decision, knownParts: [''] })).toEqual({ '': { seen: 'unclear' } });
  });

  it('that is observed has a ticket only where tickets are all that is done', () => {
    const decision = { decision: 'observe', reason: 'mode-observe' } as const;
    const outside = { decision: 'observe', reason: 'out-of-scope' } as const;

    expect(contentOf(violation({}), { decision }).reason).toBe('mode-observe');
    expect(contentOf(violation({}), { decision })).not.toHaveProperty('isOutOfScope');
    expect(contentOf(violation({}), { decision: outside, isInScope: false })).toMatchObject({ isOutOfScope: true });
    expect(sightings(violation({}), { decision: outside, isTracked: false })).toEqual({});
    expect(sightings(violation({}), { decision, isTracked: false, knownParts: [''] })).toEqual({
      '': { seen: 'unclear' },
    });
  });

  it('whose fix keeps being reversed says so in the title', () => {
    const decision = { decision: 'quarantine', reason: 'fix-reverted', because: 'three times' } as const;

    expect(contentOf(violation({}), { decision, isTracked: false }).title).toBe(
      'aks-prod: the fix keeps being reversed – No node waits for a reboot',
    );
  });

  it('that is exempt counts as clean for every ticket, however it had been proven', () => {
    const exempt: Sighting = { seen: 'clean', strength: 3, resolution: 'exempt' };
    const decision = { decision: 'exempt', reason: 'exempt', because: 'until tomorrow' } as const;

    expect(sightings(violation({}), { decision })).toEqual({});
    expect(sightings(violation({}), { decision, knownParts: ['', 'system'] })).toEqual({ '': exempt, system: exempt });
    expect(sightings(parted(overdue('system', { strength: 1 })), { decision })).toEqual({ system: exempt });
  });
});

describe('a verdict with parts', () => {
  it('is one ticket for each part that is wrong, with its own evidence', () => {
    const verdict = parted(overdue('system'), overdue('user', { items: [item('node-c')] }));

    expect([...sightingsOf(look(verdict)).keys()]).toEqual(['system', 'user']);
    expect(contentOf(verdict, {}, 'user')).toMatchObject({
      title: 'aks-prod / user: not met – No node waits for a reboot',
      confidence: 'certain',
      strength: 2,
      evidence: '{"found":"user waits"}',
      items: [item('node-c')],
      itemCount: 1,
    });
  });

  it('says of each part what is known of it', () => {
    const verdict = parted(
      overdue('system'),
      { name: 'proven', verdict: 'compliant', evidence: {}, strength: 2 },
      { name: 'unseen', verdict: 'unknown', evidence: {} },
    );

    expect(sightings(verdict)).toMatchObject({
      system: { seen: 'violation' },
      proven: { seen: 'clean', strength: 2, resolution: 'fixed' },
      unseen: { seen: 'unclear' },
    });
  });

  it('takes a part without more words for one that speaks for itself', () => {
    const verdict = parted(
      { name: 'system', verdict: 'violation', evidence: {} },
      { name: 'user', verdict: 'compliant', evidence: {} },
    );

    expect(contentOf(verdict, {}, 'system')).toMatchObject({ strength: 3, items: [], itemCount: 0 });
    expect(contentOf(verdict, {}, 'system')).not.toHaveProperty('confidence');
    expect(sightings(verdict)['user']).toMatchObject({ strength: 3 });
  });

  it.each<Verdict>([
    parted(overdue('system')),
    { verdict: 'compliant', parts: [{ name: 'system', verdict: 'compliant', evidence: {} }] },
    { verdict: 'unknown', missing: 'nodes', parts: [{ name: 'system', verdict: 'unknown', evidence: {} }] },
  ])('takes a part that it does not name for gone: $verdict', (verdict) => {
    const seen = sightings(verdict, { knownParts: ['system', 'old', ''] });

    expect(seen).toMatchObject({ old: { seen: 'gone', resolution: 'gone' }, '': { seen: 'gone', resolution: 'gone' } });
    expect(seen['system']).not.toMatchObject({ seen: 'gone' });
  });

  it('opens no ticket for a part when nothing was decided, or something else', () => {
    expect(sightings(parted(overdue('system')), { decision: undefined })).toEqual({ system: { seen: 'unclear' } });
  });

  it('lists fifty items and counts all', () => {
    const items = Array.from({ length: 51 }, (_, index) => item(`node-${index}`));

    const content = contentOf(parted(overdue('system', { items })), {}, 'system');

    expect(content.items).toEqual(items.slice(0, 50));
    expect(content.itemCount).toBe(51);
  });
});

function alert(change: Partial<Part> = {}): Verdict {
  return parted({ name: 'alert-1', verdict: 'violation', evidence: {}, isCertain: true, ...change });
}

describe('a part of which another system is certain', () => {
  const OBSERVED = { decision: 'observe', reason: 'mode-observe' } as const;
  const UNREADABLE = { decision: 'defer', reason: 'exemption-unreadable' } as const;

  it('has a ticket at once, by its own title and severity', () => {
    const verdict = alert({ title: 'Defender alert: x', severity: 'low' });

    expect(sightings(verdict)['alert-1']).toMatchObject({ seen: 'violation', isCertain: true });
    expect(contentOf(verdict, {}, 'alert-1')).toMatchObject({
      title: 'aks-prod: Defender alert: x',
      severity: 'low',
      isCertain: true,
    });
  });

  it('has the title and the severity of the policy without its own', () => {
    expect(contentOf(alert(), {}, 'alert-1')).toMatchObject({
      title: 'aks-prod / alert-1: not met – No node waits for a reboot',
      severity: aksNodeRebootCompleted.severity,
    });
    expect(contentOf(parted(overdue('system')), {}, 'system')).not.toHaveProperty('isCertain');
  });

  it('is over at once, because the other system says so', () => {
    expect(sightings(alert({ verdict: 'compliant' }))).toEqual({
      'alert-1': { seen: 'clean', strength: 3, resolution: 'closed-at-source', isCertain: true },
    });
  });

  it('cannot be told when it is one too many: its ticket stays as it is', () => {
    expect(sightings(alert({ verdict: 'unknown' }), { knownParts: ['alert-1'] })).toEqual({
      'alert-1': { seen: 'unclear' },
    });
  });

  it.each([
    ['the exemption cannot be read', UNREADABLE, true, true, 'violation'],
    ['the exemption cannot be read, and nobody else is certain', UNREADABLE, true, undefined, 'unclear'],
    ['the exemption cannot be read, and it is no tracker that asks', UNREADABLE, false, true, 'unclear'],
    ['it waits for something else', { decision: 'defer', reason: 'outside-window' }, true, true, 'unclear'],
    ['it is only observed', OBSERVED, true, true, 'violation'],
    ['it is accepted', { decision: 'exempt', reason: 'exempt' }, true, true, 'clean'],
  ] as const)('has a ticket or not when %s', (_when, decision, isTracked, isCertain, seen) => {
    const verdict = parted({
      name: 'alert-1',
      verdict: 'violation',
      evidence: {},
      ...(isCertain === true && { isCertain }),
    });

    expect(sightings(verdict, { decision, isTracked })['alert-1']).toMatchObject({ seen });
  });
});

function hashOfPart(change: Partial<Part> = {}): string {
  return contentOf(parted(overdue('system', change)), {}, 'system').evidenceHash;
}

function hashOfWhole(evidence: Readonly<Record<string, number>>, reason = 'in-use', because = 'by a job'): string {
  return contentOf(violation(evidence), { decision: { decision: 'ticket', reason, because } }).evidenceHash;
}

describe('what makes a ticket news', () => {
  const fifty = Array.from({ length: 50 }, (_, index) => item(`node-${index}`));

  it('is not the order of nodes, what is said about them, or since when', () => {
    const told = [
      { ...item('node-b'), detail: 'other words', since: '2026-11-23T10:00:00.000Z' },
      { ...item('node-a'), name: 'renamed' },
    ];

    expect(hashOfPart({ items: told, evidence: { found: 'other words' }, strength: 1 })).toBe(hashOfPart());
  });

  it('is another node, also one of the same name, or one that is not listed any more', () => {
    const recreated = [item('node-a'), { ...item('node-b'), id: 'another uid' }];
    const hashes = [
      hashOfPart(),
      hashOfPart({ items: [item('node-a')] }),
      hashOfPart({ items: recreated }),
      hashOfPart({ items: [] }),
    ];

    expect(new Set(hashes).size).toBe(4);
    expect(hashOfPart({ items: [...fifty, item('the 51st')] })).not.toBe(hashOfPart({ items: fifty }));
  });

  it('is how sure it is', () => {
    expect(hashOfPart({ confidence: 'likely' })).not.toBe(hashOfPart());
  });

  it('of a whole resource is other evidence, in whatever order, or another reason', () => {
    expect(hashOfWhole({ a: 1, b: 2 })).toBe(hashOfWhole({ b: 2, a: 1 }));
    expect(hashOfWhole({ a: 1, b: 3 })).not.toBe(hashOfWhole({ a: 1, b: 2 }));
    expect(hashOfWhole({ a: 1 }, 'not-in-use')).not.toBe(hashOfWhole({ a: 1 }));
  });

  it('is in no case the words of the decision', () => {
    expect(hashOfWhole({}, 'in-use', 'by one')).toBe(hashOfWhole({}, 'in-use', 'by two'));
  });

  it('is a SHA-256 of canonical JSON', () => {
    // printf '%s' '["violation","certain",["a","b"]]' | sha256sum
    expect(hash(['violation', 'certain', ['a', 'b']])).toBe(
      '9502851cb11761769aafdd043bad65f747e5740bc7ba4f7ae7fd5fc88996e533',
    );
    expect(hash([null, 1, { b: null, a: 'x' }])).toBe(hash([null, 1, { a: 'x', b: null }]));
    expect(hash([{ a: 'x' }])).not.toBe(hash([{ a: 'y' }]));
  });
});

describe('any look', () => {
  const evidence = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)));
  const names = fc.constantFrom('', 'system', 'user', '__proto__');
  const parts: fc.Arbitrary<Part> = fc.record(
    {
      name: names,
      verdict: fc.constantFrom('compliant', 'violation', 'unknown'),
      evidence,
      confidence: fc.constantFrom('certain', 'likely'),
      strength: fc.constantFrom(1, 2, 3),
      isCertain: fc.constant(true as const),
      severity: fc.constantFrom('high', 'low'),
      title: fc.string(),
      items: fc.array(fc.record({ name: fc.string(), id: fc.string(), detail: fc.string() }), { maxLength: 60 }),
    },
    { requiredKeys: ['name', 'verdict', 'evidence'] },
  );
  const list = fc.array(parts, { maxLength: 4 });
  const verdicts: fc.Arbitrary<Verdict> = fc.oneof(
    fc.constantFrom<Verdict>(compliant, notApplicable('n'), unknown('m')),
    evidence.map(violation),
    list.map((some): Verdict => ({ verdict: 'compliant', parts: some })),
    list.map((some): Verdict => ({ verdict: 'unknown', missing: 'm', parts: some })),
    list.map((some): Verdict => parted(...some)),
  );
  const decisions: fc.Arbitrary<Look['decision']> = fc.option(
    fc.record({
      decision: fc.constantFrom('fix', 'ticket', 'defer', 'exempt', 'await-approval', 'quarantine', 'observe'),
      reason: fc.constantFrom('mode-observe', 'ticket-only', 'out-of-scope', 'exemption-unreadable'),
    }),
    { nil: undefined },
  );

  it('says something about every part that may have a ticket, and the same again', () => {
    const property = fc.property(
      verdicts,
      decisions,
      fc.boolean(),
      fc.uniqueArray(names),
      (verdict, decision, isTracked, knownParts) => {
        const once = sightingsOf(look(verdict, { decision, isTracked, knownParts }));
        expect(knownParts.filter((part) => !once.has(part))).toEqual([]);
        expect(sightingsOf(look(verdict, { decision, isTracked, knownParts }))).toEqual(once);
      },
    );

    expect(() => {
      fc.assert(property, { numRuns: 500 });
    }).not.toThrow();
  });

  it('that cannot tell neither opens nor closes anything', () => {
    const property = fc.property(decisions, fc.boolean(), fc.uniqueArray(names), (decision, isTracked, knownParts) => {
      const seen = [...sightingsOf(look(unknown('m'), { decision, isTracked, knownParts })).values()];
      expect(seen.filter((sighting) => sighting.seen !== 'unclear')).toEqual([]);
    });

    expect(() => {
      fc.assert(property);
    }).not.toThrow();
  });
});

describe('the evidence of a stored ticket', () => {
  it('is read as it was written', () => {
    const seen = { text: 'x', number: 1.5, yes: true, nothing: null };

    expect(evidenceOf({ evidence: JSON.stringify(seen) })).toEqual(seen);
  });

  it.each([
    ['no JSON', 'not JSON'],
    ['nothing', ''],
    ['a list', '["a"]'],
    ['a text', '"a"'],
    ['null', 'null'],
  ])('that somebody has damaged is nothing: %s', (_what, evidence) => {
    expect(evidenceOf({ evidence })).toEqual({});
  });

  it('keeps what is plain, and leaves out what is not', () => {
    const evidence = '{"a":1,"list":[1],"object":{"b":2},"__proto__":"text"}';

    expect(Object.entries(evidenceOf({ evidence }))).toEqual([
      ['a', 1],
      ['__proto__', 'text'],
    ]);
  });
});
