import { describe, expect, it } from 'vitest';
import { cluster } from '../../../src/policy/aks/cluster-example.ts';
import { requiredTags } from '../../../src/policy/aks/required-tags.ts';
import { aksRequiredTagsPresent } from '../../../src/policy/aks/required-tags-present.ts';
import { aksAddRequiredTags } from '../../../src/remediations/aks/add-required-tags.ts';
import { ManagedCluster } from '../../../src/resources/managed-cluster.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { recordOps } from '../recorded-ops.ts';
import { linesOf, runCommands } from '../run-commands.ts';

const CREATOR = 'platform-operator@contoso.example';

/** The violation of a cluster with these tags under this setting, as the policy sees it. */
function violationOf(
  tags: Readonly<Record<string, string>>,
  setting: unknown,
  systemData: unknown = { createdBy: CREATOR },
) {
  const resource = ManagedCluster.parse(cluster({ tags, systemData }));
  const parameters = { requiredTags: requiredTags.parse(JSON.stringify(setting)) ?? [] };
  const verdict = aksRequiredTagsPresent.evaluate(resource, {
    now: new Date(0),
    lastFixedAt: undefined,
    related: {},
    parameters,
  });
  if (verdict.verdict !== 'violation') throw new Error(`the cluster is ${verdict.verdict}`);
  return { target: parseResourceId(resource.id), resource, evidence: verdict.evidence, parameters };
}

async function fix(violation: ReturnType<typeof violationOf>, present = violation.resource.tags) {
  const recorded = recordOps(aksAddRequiredTags, { readTags: present });
  await aksAddRequiredTags.fix({ ...violation, ops: recorded.ops });
  return recorded.calls;
}

async function preflight(violation: ReturnType<typeof violationOf>) {
  const { ops, calls } = recordOps(aksAddRequiredTags);
  const answer = await aksAddRequiredTags.preflight?.({ ...violation, ops });
  expect(calls).toEqual([]);
  return answer;
}

describe('aks-add-required-tags, fix', () => {
  it('reads the tags as they are now and merges what is missing', async () => {
    const violation = violationOf({ env: 'prod' }, { costCenter: '4711', owner: 'platform' });

    expect(await fix(violation)).toEqual([
      ['readTags', violation.target],
      ['mergeTags', violation.target, { costCenter: '4711', owner: 'platform' }],
    ]);
  });

  it('leaves out a tag that somebody has added in the meantime, whatever its casing', async () => {
    const violation = violationOf({}, { costCenter: '4711', owner: 'platform' });

    expect(await fix(violation, { COSTCENTER: '0815' })).toEqual([
      ['readTags', violation.target],
      ['mergeTags', violation.target, { owner: 'platform' }],
    ]);
  });

  it('writes nothing when somebody has added all of them', async () => {
    const violation = violationOf({}, { owner: 'platform' });

    expect(await fix(violation, { owner: 'blue' })).toEqual([['readTags', violation.target]]);
  });

  it('fills the placeholders from the cluster itself', async () => {
    const violation = violationOf({}, { owner: '{creator}', origin: '{subscriptionId}/{resourceGroup}' });
    const { subscriptionId } = violation.target;

    expect((await fix(violation)).at(-1)).toEqual([
      'mergeTags',
      violation.target,
      { owner: CREATOR, origin: `${subscriptionId}/rg1` },
    ]);
  });

  it('adds a tag that is named like a member of every object', async () => {
    const setting: unknown = JSON.parse('{"constructor":"x","__proto__":"y"}');
    const violation = violationOf({}, setting);

    expect(await preflight(violation)).toEqual({ go: true });
    const [, , tags] = (await fix(violation)).at(-1) ?? [];
    expect(JSON.stringify(tags)).toBe('{"constructor":"x","__proto__":"y"}');
  });
});

describe('aks-add-required-tags, pre-flight', () => {
  it('goes ahead when every missing tag has a value', async () => {
    expect(await preflight(violationOf({}, { owner: 'platform' }))).toEqual({ go: true });
  });

  it('stops where a person has to supply the value', async () => {
    expect(await preflight(violationOf({}, { owner: null, team: null, env: 'prod' }))).toMatchObject({
      go: false,
      reason: 'tag-default-missing',
      because: 'AKS_REQUIRED_TAGS gives no usable default for: owner, team',
    });
  });

  it.each(['constructor', '__proto__'])('stops for a tag without default named %s as well', async (name) => {
    const setting: unknown = JSON.parse(`{"${name}":null}`);

    expect(await preflight(violationOf({}, setting))).toMatchObject({ go: false, reason: 'tag-default-missing' });
  });

  it('stops where the creator is not known', async () => {
    expect(await preflight(violationOf({}, { owner: '{creator}' }, {}))).toMatchObject({
      go: false,
      reason: 'tag-default-missing',
    });
  });

  it('stops where the filled value is longer than Azure allows', async () => {
    const long = `${'x'.repeat(240)}{creator}`;

    expect(await preflight(violationOf({}, { owner: long }))).toMatchObject({
      go: false,
      reason: 'tag-default-missing',
    });
  });

  it('stops rather than overwrite a value that is not allowed', async () => {
    const violation = violationOf(
      { env: 'staging' },
      { env: { default: 'prod', allowed: ['prod', 'dev'] }, owner: 'x' },
    );

    expect(await preflight(violation)).toMatchObject({ go: false, reason: 'tag-value-not-allowed' });
  });

  it('takes the default of a tag with allowed values when the tag is missing', async () => {
    const violation = violationOf({}, { env: { default: 'prod', allowed: ['prod', 'dev'] } });

    expect(await preflight(violation)).toEqual({ go: true });
    expect((await fix(violation)).at(-1)).toEqual(['mergeTags', violation.target, { env: 'prod' }]);
  });

  it('stops where only a choice of allowed values is known', async () => {
    expect(await preflight(violationOf({}, { env: { allowed: ['prod', 'dev'] } }))).toMatchObject({
      go: false,
      reason: 'tag-default-missing',
    });
  });

  it.each([
    [48, { go: true }],
    [49, { go: false, reason: 'tag-limit-reached' }],
    [50, { go: false, reason: 'tag-limit-reached' }],
  ])('counts the tags that are there: %i and two more', async (count, expected) => {
    const tags = Object.fromEntries(Array.from({ length: count }, (_, index) => [`tag${index}`, 'x']));

    expect(await preflight(violationOf(tags, { owner: 'x', costCenter: 'y' }))).toMatchObject(expected);
  });
});

describe('aks-add-required-tags, what it touches and takes back', () => {
  it('touches the missing tags only, escaped as JSON Pointer asks', () => {
    const violation = violationOf({ env: 'prod' }, { env: 'prod', 'cost~center': 'x' });

    expect(aksAddRequiredTags.touches(violation)).toEqual(['/tags/cost~0center']);
  });

  it('undo deletes exactly the pairs that the fix added', async () => {
    const { target } = violationOf({}, { owner: 'x' });
    const { ops, calls } = recordOps(aksAddRequiredTags);

    await aksAddRequiredTags.undo?.({
      target,
      ops,
      before: { '/tags/env': 'prod' },
      after: { '/tags/env': 'prod', '/tags/owner': 'platform', '/tags/a~1b~0c': 'x' },
    });

    expect(calls).toEqual([['deleteTags', target, { owner: 'platform', 'a/b~c': 'x' }]]);
  });

  it('undo makes no call when nothing was added', async () => {
    const { target } = violationOf({}, { owner: 'x' });
    const { ops, calls } = recordOps(aksAddRequiredTags);

    await aksAddRequiredTags.undo?.({ target, ops, before: { '/tags/owner': 'x' }, after: { '/tags/owner': 'x' } });

    expect(calls).toEqual([]);
  });
});

/** The advice on a violation, and what its lines call. */
function tell(violation: ReturnType<typeof violationOf>, reason: string) {
  const { target, evidence } = violation;
  const advice = aksAddRequiredTags.advise({ target, part: '', evidence, items: [], reason });
  return { ...advice, calls: runCommands(linesOf(advice)).calls, target };
}

/** The words of one change of tags. */
function update(id: string, operation: string, tags: string): readonly string[] {
  return ['az', 'tag', 'update', '--resource-id', id, '--operation', operation, '--tags', tags];
}

describe('aks-add-required-tags, what a person is told', () => {
  it('is to choose one of the allowed values, and a value for what is missing', () => {
    const violation = violationOf({ env: 'staging' }, { env: { allowed: ['prod'] }, owner: null, "o'brien $x": null });
    const { summary, calls, target } = tell(violation, 'tag-value-not-allowed');

    expect(summary).toMatch(/which of the allowed values is right/);
    expect(calls).toEqual([
      ['az', 'tag', 'list', '--resource-id', target.id],
      update(target.id, 'Merge', 'env=given TAG_VALUE_1'),
      update(target.id, 'Merge', 'owner=given TAG_VALUE_1'),
      update(target.id, 'Merge', "o'brien $x=given TAG_VALUE_2"),
    ]);
  });

  it('is to choose values where there is no default', () => {
    const { summary, calls, target } = tell(violationOf({}, { owner: null }), 'tag-default-missing');

    expect(summary).toMatch(/which values the missing tags get/);
    expect(calls.slice(1)).toEqual([update(target.id, 'Merge', 'owner=given TAG_VALUE_1')]);
  });

  it('is to make room where there are too many', () => {
    const { summary, calls, target } = tell(violationOf({}, { owner: 'x' }), 'tag-limit-reached');

    expect(summary).toMatch(/^Take tags away/);
    expect(calls).toEqual([
      ['az', 'tag', 'list', '--resource-id', target.id],
      update(target.id, 'Delete', 'given TAG'),
      update(target.id, 'Merge', 'owner=given TAG_VALUE_1'),
    ]);
  });

  it('is to find the source when somebody keeps removing them', () => {
    const { summary, calls } = tell(violationOf({}, { owner: 'x' }), 'war-with-writer');

    expect(summary).toMatch(/set the required tags right at the source/);
    expect(calls.flat()).not.toContain('Merge');
  });

  it('is to set what is missing, whatever else the reason is', () => {
    const { summary, calls } = tell(violationOf({}, { owner: 'x' }), 'before-too-large');

    expect(summary).toBe('Give the cluster the tags that it lacks.');
    expect(calls).toHaveLength(2);
  });
});
