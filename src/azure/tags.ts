import { isPlainObject } from '../resources/lenient.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { Tags as TagsReader } from '../resources/tags.ts';
import { apiVersions } from './api-versions.ts';
import { type CallContext, defineRead, defineWrite } from './operation.ts';
import { getJson, patchJson } from './raw-arm.ts';

type Tags = Readonly<Record<string, string>>;

/** The tags as they are at this moment. */
export const readTags = defineRead({
  id: 'tags.get',
  actions: ['Microsoft.Resources/tags/read'],
  async run(context: CallContext, target: ResourceId): Promise<Tags> {
    const body = await getJson(context, request(target));
    return TagsReader.parse(isPlainObject(body['properties']) ? body['properties']['tags'] : undefined);
  },
});

/** The tags of the resource's group, raw: what is no map of texts has to be seen as such. */
export const readGroupTags = defineRead({
  id: 'resourceGroups.get',
  actions: ['Microsoft.Resources/subscriptions/resourceGroups/read'],
  async run(context: CallContext, target: ResourceId): Promise<unknown> {
    const body = await getJson(context, {
      path: `/subscriptions/${target.subscriptionId}/resourceGroups/${target.resourceGroup}`,
      apiVersion: apiVersions['Microsoft.Resources/resourceGroups'],
      resourceId: target.id,
    });
    return body['tags'];
  },
});

/** Adds tags without touching others: a PATCH on the resource itself would replace the whole map. */
export const mergeTags = defineWrite({
  id: 'tags.merge',
  actions: ['Microsoft.Resources/tags/write'],
  repeatable: true,
  async run(context: CallContext, target: ResourceId, tags: Tags) {
    await patchTags(context, target, 'Merge', tags);
  },
});

/** Removes exactly these name and value pairs; a tag whose value has changed stays. */
export const deleteTags = defineWrite({
  id: 'tags.delete',
  actions: ['Microsoft.Resources/tags/write'],
  repeatable: true,
  async run(context: CallContext, target: ResourceId, tags: Tags) {
    await patchTags(context, target, 'Delete', tags);
  },
});

async function patchTags(
  context: CallContext,
  target: ResourceId,
  operation: 'Merge' | 'Delete',
  tags: Tags,
): Promise<void> {
  await patchJson(context, { ...request(target), body: { operation, properties: { tags } } });
}

function request(target: ResourceId) {
  return {
    path: `${target.id}/providers/Microsoft.Resources/tags/default`,
    apiVersion: apiVersions['Microsoft.Resources/tags'],
    resourceId: target.id,
  };
}
