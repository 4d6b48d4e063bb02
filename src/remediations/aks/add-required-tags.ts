import { deleteTags, mergeTags, readTags } from '../../azure/tags.ts';
import { fillTemplate, type RequiredTag, TAG_LIMITS } from '../../policy/aks/required-tags.ts';
import { aksRequiredTagsPresent } from '../../policy/aks/required-tags-present.ts';
import type { ManagedCluster } from '../../resources/managed-cluster.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import { tagValue } from '../../resources/tags.ts';
import { type Advice, type AdviceContext, type AdviceStep, askFor, shellQuote } from '../advice.ts';
import { defineRemediation, type JsonPointer, type Preflight } from '../define-remediation.ts';
import { adviseOnReversal, isReversal } from '../reversal-advice.ts';

export const aksAddRequiredTags = defineRemediation({
  id: 'aks-add-required-tags',
  title: 'Add the required tags to the cluster',
  fixes: aksRequiredTagsPresent,
  impact: 'Azure copies cluster tags to the node resource group and its resources. Existing tags keep their values.',
  uses: { readTags, mergeTags, deleteTags },
  touches: ({ resource, parameters }) =>
    missingTags(resource, parameters.requiredTags).map(({ name }) => pointerTo(name)),
  async preflight({ target, resource, evidence, parameters }) {
    return checkTags(target, resource, evidence['notAllowed'], parameters.requiredTags);
  },
  async fix({ target, resource, parameters, ops }) {
    // Merge would overwrite a tag that somebody has added since the cluster was read, and the tags API knows no If-Match.
    const tags = await ops.readTags(target);
    const missing = tagsToAdd(target, { ...resource, tags }, parameters.requiredTags);
    if (Object.keys(missing).length > 0) await ops.mergeTags(target, missing);
  },
  /** Removes what the fix added; a tag that was there before, or that somebody has changed since, stays. */
  async undo({ target, ops, before, after }) {
    const added = Object.entries(after).filter(([path]) => !Object.hasOwn(before, path));
    const tags = added.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    if (tags.length === 0) return;
    await ops.deleteTags(target, Object.fromEntries(tags.map(([path, value]) => [nameIn(path), value])));
  },
  advise(context) {
    const { target, reason } = context;
    if (isReversal(reason)) return adviseOnReversal(target, 'the required tags');
    if (reason === 'tag-limit-reached') return adviseOnLimit(context);
    const steps = [listTags(target), setTags(context, 'notAllowed'), setTags(context, 'missing')];
    return {
      summary: summaries.get(reason) ?? 'Give the cluster the tags that it lacks.',
      steps: steps.filter((step) => step !== undefined),
    };
  },
});

const summaries: ReadonlyMap<string, string> = new Map([
  [
    'tag-value-not-allowed',
    'Decide with the owner of the cluster which of the allowed values is right, and set the tag to it.',
  ],
  ['tag-default-missing', 'Decide with the owner of the cluster which values the missing tags get, and set them.'],
]);

function adviseOnLimit(context: AdviceContext): Advice {
  const { target } = context;
  const remove = `az tag update --resource-id ${shellQuote(target.id)} --operation Delete --tags ${askFor('TAG', 'name=value of a tag that nobody needs')}`;
  const add = setTags(context, 'missing');
  return {
    summary: `Take tags away that nobody needs, because Azure allows no more than ${TAG_LIMITS.perResource}.`,
    steps: [
      listTags(target),
      { text: 'Remove as many as are to be added, one by one:', commands: [remove] },
      ...(add === undefined ? [] : [{ ...add, text: `Dockwarden then adds the missing tags by itself. ${add.text}` }]),
    ],
  };
}

function listTags({ id }: ResourceId): AdviceStep {
  return { text: 'See the tags as they are.', commands: [`az tag list --resource-id ${shellQuote(id)}`] };
}

/** Sets each tag that the evidence names; undefined when it names none. */
function setTags({ target, evidence }: AdviceContext, kind: 'missing' | 'notAllowed'): AdviceStep | undefined {
  const names = evidence[kind];
  if (typeof names !== 'string') return undefined;
  return {
    text:
      kind === 'missing'
        ? 'Set the missing tags; other tags keep their values. Values that are right for every cluster belong in AKS_REQUIRED_TAGS as defaults.'
        : 'Set the tags whose value is not allowed; AKS_REQUIRED_TAGS names the allowed ones.',
    commands: names.split(', ').map((name, index) => {
      const value = askFor(`TAG_VALUE_${index + 1}`, 'the value of this tag');
      return `az tag update --resource-id ${shellQuote(target.id)} --operation Merge --tags ${shellQuote(`${name}=`)}${value}`;
    }),
  };
}

function checkTags(
  target: ResourceId,
  resource: ManagedCluster,
  notAllowed: unknown,
  required: readonly RequiredTag[],
): Preflight {
  if (typeof notAllowed === 'string') {
    return {
      go: false,
      reason: 'tag-value-not-allowed',
      because: `these tags hold a value that is not allowed, and values are never overwritten: ${notAllowed}`,
    };
  }
  const missing = missingTags(resource, required);
  const added = tagsToAdd(target, resource, required);
  const without = missing.filter(({ name }) => !Object.hasOwn(added, name)).map(({ name }) => name);
  if (without.length > 0) {
    return {
      go: false,
      reason: 'tag-default-missing',
      because: `AKS_REQUIRED_TAGS gives no usable default for: ${without.join(', ')}`,
    };
  }
  const total = Object.keys(resource.tags).length + missing.length;
  if (total > TAG_LIMITS.perResource) {
    return {
      go: false,
      reason: 'tag-limit-reached',
      because: `the cluster would have ${total} tags; Azure allows ${TAG_LIMITS.perResource}`,
    };
  }
  return { go: true };
}

function missingTags(resource: ManagedCluster, required: readonly RequiredTag[]): readonly RequiredTag[] {
  return required.filter(({ name }) => tagValue(resource.tags, name) === undefined);
}

function tagsToAdd(
  target: ResourceId,
  resource: ManagedCluster,
  required: readonly RequiredTag[],
): Readonly<Record<string, string>> {
  const values = {
    subscriptionId: target.subscriptionId,
    resourceGroup: target.resourceGroup,
    creator: resource.systemData.createdBy,
  };
  const tags = missingTags(resource, required).map(({ name, default: template }) => [
    name,
    template === undefined ? undefined : fillTemplate(template, values),
  ]);
  return Object.fromEntries(tags.filter((tag): tag is [string, string] => tag[1] !== undefined));
}

function pointerTo(tag: string): JsonPointer {
  return `/tags/${tag.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function nameIn(pointer: string): string {
  return pointer.slice('/tags/'.length).replaceAll('~1', '/').replaceAll('~0', '~');
}
