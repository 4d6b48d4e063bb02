import { ArmError, invalidContent } from '../errors.ts';
import { newETag, readTags, requireBody, requireGroup } from '../generic-resource.ts';
import { isJsonObject, type Json } from '../json.ts';
import type { Call, Handler, Reply, ResourceTypeDefinition } from '../provider.ts';
import type { RawResource, Tags } from '../resource-store.ts';
import { checkResourceBusy } from './busy.ts';

/** https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations */
const TAG_LIMITS = { count: 50, nameLength: 512, valueLength: 256, forbidden: /[<>%&\\?/]/ } as const;

/** First api-version that may answer 202. */
const ASYNC_SINCE = '2022-09-01';

/** The resource, group or subscription that carries the tags. */
function requireTagged(call: Call): RawResource {
  const { request, target, world } = call;
  const found = request.stale ? world.store.findStale(target.scope) : world.store.find(target.scope);
  if (found) return found;
  requireGroup(call);
  throw new ArmError(404, 'ResourceNotFound', `The Resource '${target.scope}' was not found.`);
}

function answer(resource: RawResource): Json {
  return {
    id: `${resource.id}/providers/Microsoft.Resources/tags/default`,
    name: 'default',
    type: 'Microsoft.Resources/tags',
    properties: { tags: resource.tags ?? {} },
  };
}

/** `properties.tags` of a write. */
function requireTags(call: Call): Tags {
  const { properties } = requireBody(call);
  if (!isJsonObject(properties)) throw invalidContent("'properties' is required.");
  return readTags(properties['tags']);
}

/** Error codes of the limits are not documented. */
function checkLimits(tags: Tags): void {
  const entries = Object.entries(tags);
  if (entries.length > TAG_LIMITS.count) {
    throw new ArmError(400, 'TooManyTags', `A resource can have at most ${TAG_LIMITS.count} tags.`);
  }
  for (const [name, value] of entries) {
    if (name === '' || name.length > TAG_LIMITS.nameLength || TAG_LIMITS.forbidden.test(name)) {
      throw new ArmError(400, 'InvalidTagName', `The tag name '${name}' is not valid.`);
    }
    if (value.length > TAG_LIMITS.valueLength) {
      throw new ArmError(
        400,
        'TagValueTooLong',
        `The value of the tag '${name}' is longer than ${TAG_LIMITS.valueLength}.`,
      );
    }
  }
}

/** Tag names compare without case: a merge keeps the spelling that is there. */
export function mergeTags(current: Tags, change: Tags): Tags {
  const merged: Record<string, string> = { ...current };
  for (const [name, value] of Object.entries(change)) {
    const existing = Object.keys(merged).find((key) => key.toLowerCase() === name.toLowerCase());
    merged[existing ?? name] = value;
  }
  return merged;
}

/** Removes tags whose name and value match. */
function removeTags(current: Tags, remove: Tags): Tags {
  const gone = Object.entries(remove).map(([name, value]) => `${name.toLowerCase()}\n${value}`);
  return Object.fromEntries(
    Object.entries(current).filter(([name, value]) => !gone.includes(`${name.toLowerCase()}\n${value}`)),
  );
}

function store(call: Call, resource: RawResource, tags: Tags): Reply {
  const { request, target, world } = call;
  checkLimits(tags);
  checkResourceBusy(call, resource);
  const eTag = resource['eTag'] === undefined ? {} : { eTag: newETag() };
  const raised = `${resource.id}/providers/Microsoft.Resources/tags/default`;
  const apply = () => world.store.write({ ...(world.store.find(resource.id) ?? resource), ...eTag, tags });
  // Older versions declare no 202: the Azure CLI refuses one.
  const isSync = call.apiVersion < ASYNC_SINCE;
  const rule = isSync ? undefined : world.operations.ruleFor(request.method, request.path);
  if (!rule) return { status: 200, body: answer(apply()), raises: raised };
  const operation = world.operations.start(resource.id, rule, (result) => {
    if (result !== 'Succeeded') return undefined;
    const stored = apply();
    call.raise(raised);
    return answer(stored);
  });
  const url = `${world.baseUrl()}/subscriptions/${target.subscriptionId}/operationresults/${operation.id}?api-version=${call.apiVersion}`;
  return { status: 202, headers: { location: url, 'retry-after': String(rule.retryAfterSeconds ?? 1) } };
}

const getTags: Handler = (call) => ({ status: 200, body: answer(requireTagged(call)) });

const putTags: Handler = (call) => store(call, requireTagged(call), requireTags(call));

const patchTags: Handler = (call) => {
  const resource = requireTagged(call);
  const change = requireTags(call);
  const current = resource.tags ?? {};
  const operation = requireBody(call)['operation'];
  if (operation === 'Merge') return store(call, resource, mergeTags(current, change));
  if (operation === 'Replace') return store(call, resource, change);
  if (operation === 'Delete') return store(call, resource, removeTags(current, change));
  throw invalidContent("'operation' must be Merge, Replace or Delete.");
};

const deleteTags: Handler = (call) => {
  const { body: _, ...reply } = store(call, requireTagged(call), {});
  return reply;
};

/** The tags of any resource, group or subscription. https://learn.microsoft.com/rest/api/resources/tags */
export const tags: ResourceTypeDefinition = {
  type: 'Microsoft.Resources/tags',
  apiVersions: ['2022-09-01', '2021-04-01', '2021-01-01', '2020-10-01', '2019-10-01'],
  get: getTags,
  put: putTags,
  patch: patchTags,
  delete: deleteTags,
};
