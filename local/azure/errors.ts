import type { Json, JsonObject } from './json.ts';

/** An ARM answer other than success, thrown by handlers and turned into an HTTP answer by the pipeline. */
export class ArmError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json;

  constructor(
    status: number,
    code: string,
    message: string,
    extra: { headers?: Record<string, string>; error?: JsonObject; unwrapped?: JsonObject } = {},
  ) {
    super(message);
    this.name = 'ArmError';
    this.status = status;
    this.code = code;
    this.headers = extra.headers ?? {};
    this.body = extra.unwrapped ?? { error: { code, message, ...extra.error } };
  }
}

/** 401 with ARM's `WWW-Authenticate`. */
export function unauthenticated(tenantId: string, code: string, message: string, description: string): ArmError {
  const challenge = `Bearer authorization_uri="https://login.windows.net/${tenantId}", error="invalid_token", error_description="${description}"`;
  return new ArmError(401, code, message, { headers: { 'www-authenticate': challenge } });
}

/** 403 of role-based access control. */
export function authorizationFailed(clientId: string, objectId: string, action: string, scope: string): ArmError {
  return new ArmError(
    403,
    'AuthorizationFailed',
    `The client '${clientId}' with object id '${objectId}' does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  );
}

export function resourceNotFound(type: string, name: string, group: string): ArmError {
  return new ArmError(
    404,
    'ResourceNotFound',
    `The Resource '${type}/${name}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );
}

export function resourceGroupNotFound(group: string): ArmError {
  return new ArmError(404, 'ResourceGroupNotFound', `Resource group '${group}' could not be found.`);
}

export function subscriptionNotFound(subscriptionId: string): ArmError {
  return new ArmError(404, 'SubscriptionNotFound', `The subscription '${subscriptionId}' could not be found.`);
}

export function missingApiVersion(): ArmError {
  return new ArmError(
    400,
    'MissingApiVersionParameter',
    'The api-version query parameter (?api-version=) is required for all requests.',
  );
}

/** ARM's answer when a provider knows the type but not this version. */
export function noRegisteredProvider(
  type: string,
  apiVersion: string,
  location: string,
  known: readonly string[],
): ArmError {
  return new ArmError(
    400,
    'NoRegisteredProviderFound',
    `No registered resource provider found for location '${location}' and API version '${apiVersion}' for type '${type}'. The supported api-versions are '${known.join(', ')}'. The supported locations are 'westeurope'.`,
  );
}

/** ARM's answer for its own types, and for a version that is no version at all. */
export function invalidApiVersion(apiVersion: string, known: readonly string[]): ArmError {
  return new ArmError(
    400,
    'InvalidApiVersionParameter',
    `The api-version '${apiVersion}' is invalid. The supported versions are '${known.join(',')}'.`,
  );
}

export function invalidResourceType(type: string, namespace: string, apiVersion: string): ArmError {
  return new ArmError(
    404,
    'InvalidResourceType',
    `The resource type '${type}' could not be found in the namespace '${namespace}' for api version '${apiVersion}'. The supported api-versions are ''.`,
  );
}

export function invalidResourceNamespace(namespace: string): ArmError {
  return new ArmError(404, 'InvalidResourceNamespace', `The resource namespace '${namespace}' is invalid.`);
}

/** A write in a subscription in which the resource provider is not registered. */
export function notRegistered(namespace: string): ArmError {
  const code = 'MissingSubscriptionRegistration';
  const message = `The subscription is not registered to use namespace '${namespace}'. See https://aka.ms/rps-not-found for how to register subscriptions.`;
  return new ArmError(409, code, message, { error: { details: [{ code, target: namespace, message }] } });
}

export function methodNotAllowed(method: string): ArmError {
  return new ArmError(
    405,
    'HttpMethodNotAllowed',
    `The http method '${method}' is not supported for a resource of this type.`,
  );
}

export function invalidContent(message: string): ArmError {
  return new ArmError(400, 'InvalidRequestContent', `The request content was invalid: ${message}`);
}

/** A management lock at the resource or above it. */
export function scopeLocked(id: string, operation: 'write' | 'delete', scopes: readonly string[]): ArmError {
  return new ArmError(
    409,
    'ScopeLocked',
    `The scope '${id}' cannot perform ${operation} operation because following scope(s) are locked: '${scopes.join(',')}'. Please remove the lock and try again.`,
  );
}

export interface PolicyAssignment {
  readonly name: string;
  readonly id: string;
  readonly definitionName: string;
  readonly definitionId: string;
}

export function disallowedByPolicy(resourceName: string, policy: PolicyAssignment): ArmError {
  const identifiers = [
    {
      policyAssignment: { name: policy.name, id: policy.id },
      policyDefinition: { name: policy.definitionName, id: policy.definitionId },
    },
  ];
  const info = {
    policyDefinitionDisplayName: policy.definitionName,
    policyDefinitionId: policy.definitionId,
    policyDefinitionName: policy.definitionName,
    policyDefinitionEffect: 'deny',
    policyAssignmentId: policy.id,
    policyAssignmentName: policy.name,
  };
  return new ArmError(
    403,
    'RequestDisallowedByPolicy',
    `Resource '${resourceName}' was disallowed by policy. Policy identifiers: '${JSON.stringify(identifiers)}'.`,
    { error: { target: resourceName, additionalInfo: [{ type: 'PolicyViolation', info }] } },
  );
}

/** Busy answer of most providers (that of ACR is not documented; this is ARM's generic form). */
export function anotherOperationInProgress(statusUrl: string): ArmError {
  return new ArmError(
    409,
    'AnotherOperationInProgress',
    `Another operation on this or dependent resource is in progress. To retrieve status of the operation use uri: ${statusUrl}`,
  );
}

/** Busy answer of AKS, which is not wrapped in `error`. */
export function clusterBusy(operationId: string, startedAt: Date): ArmError {
  const started = startedAt.toISOString().replace(/\.\d+Z$/, 'Z');
  const message = `Operation is not allowed because there's an in progress update managed cluster operation (operation ID: ${operationId}) on the managed cluster started on UTC ${started}. Please wait for it to finish before starting a new operation. You can also use 'az aks operation-abort ...' to abort the ongoing operation.`;
  return new ArmError(409, 'OperationNotAllowed', message, {
    unwrapped: { code: 'OperationNotAllowed', details: null, message, subcode: '' },
  });
}

export function preconditionFailed(): ArmError {
  return new ArmError(
    412,
    'PreconditionFailed',
    'The condition specified using HTTP conditional header(s) is not met: the eTag of the resource does not match.',
  );
}

export function tooManyRequests(code: string, message: string, retryAfterSeconds: number): ArmError {
  return new ArmError(429, code, message, { headers: { 'retry-after': String(retryAfterSeconds) } });
}
