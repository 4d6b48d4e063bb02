import { pageOf, requireGroup, requireResource, type View } from '../generic-resource.ts';
import type { Json } from '../json.ts';
import type { Call, Handler, ResourceTypeDefinition } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';

/** A resource as it is stored. */
const asStored: View = (resource): Json => resource;

/** A type that is only read here: what a seed or a test has stored. */
export function readOnly(type: string, apiVersions: readonly string[], view: View = asStored): ResourceTypeDefinition {
  return {
    type,
    apiVersions,
    get: (call) => ({ status: 200, body: view(requireResource(call), call.apiVersion) }),
    list: listBelow(view),
  };
}

/** What lies below the scope that is listed: a subscription, a group, or the parent resource, which has to be there. */
function listBelow(view: View): Handler {
  return (call) => {
    const { target, world } = call;
    requireGroup(call);
    const isChild = target.names.length > 0;
    const scope = isChild ? target.path.slice(0, target.path.lastIndexOf('/')) : target.scope;
    if (isChild) requireParent(call, scope);
    return pageOf(
      call,
      world.store.list(scope, call.definition.type).map((resource) => view(resource, call.apiVersion)),
    );
  };
}

/** The resource above, or its 404. */
export function requireParent(call: Call, id: string): RawResource {
  const type = call.definition.type.slice(0, call.definition.type.lastIndexOf('/'));
  return requireResource({ ...call, definition: { ...call.definition, type } }, id);
}
