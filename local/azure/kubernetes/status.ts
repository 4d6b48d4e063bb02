import type { JsonObject } from '../json.ts';
import type { Reply } from '../provider.ts';

/** What the API server says instead of an object. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
function failure(code: number, reason: string, message: string, details?: JsonObject): Reply {
  return {
    status: code,
    body: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details && { details }),
      code,
    },
  };
}

export function unauthorized(): Reply {
  return failure(401, 'Unauthorized', 'Unauthorized');
}

/** A resource of the API as refusals name it. */
export interface Addressed {
  readonly group: string;
  /** Plural, such as `nodes`. */
  readonly resource: string;
  readonly name: string | undefined;
}

function detailsOf({ group, name, resource }: Addressed): JsonObject {
  return { ...(name !== undefined && { name }), ...(group !== '' && { group }), kind: resource };
}

function labelOf({ group, name, resource }: Addressed): string {
  const qualified = group === '' ? resource : `${resource}.${group}`;
  return name === undefined ? qualified : `${qualified} "${name}"`;
}

/** 403; `because` is what the authoriser adds, if anything. */
export function forbidden(user: string, verb: string, addressed: Addressed, because: string | undefined): Reply {
  const { group, resource } = addressed;
  const message = `${labelOf(addressed)} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "${group}" at the cluster scope`;
  const reason = because === undefined ? message : `${message}: ${because}`;
  return failure(403, 'Forbidden', reason, detailsOf(addressed));
}

export function objectNotFound(addressed: Addressed): Reply {
  return failure(404, 'NotFound', `${labelOf(addressed)} not found`, detailsOf(addressed));
}

export function pathNotFound(): Reply {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function methodNotAllowed(): Reply {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

export function badRequest(message: string): Reply {
  return failure(400, 'BadRequest', message);
}

/** 410 for a continue token whose snapshot is gone. */
export function expired(): Reply {
  return failure(
    410,
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
  );
}
