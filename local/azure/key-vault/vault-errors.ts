import { ArmError } from '../errors.ts';

/** Which kind of object of a vault an answer is about. */
export type ObjectKind = 'key' | 'secret';

/** 400 of a vault; its texts are not documented. */
export function badParameter(message: string): ArmError {
  return new ArmError(400, 'BadParameter', message);
}

export function objectNotFound(kind: ObjectKind, name: string): ArmError {
  const code = kind === 'key' ? 'KeyNotFound' : 'SecretNotFound';
  const text = `A ${kind} with (name/id) ${name} was not found in this key vault. If you recently deleted this ${kind} you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182`;
  return new ArmError(404, code, text);
}

/** 403; `innerCode` says why: `ForbiddenByRbac`, `AccessDenied`, `ForbiddenByFirewall`, `KeyDisabled`. */
export function forbidden(innerCode: string, message: string): ArmError {
  return new ArmError(403, 'Forbidden', message, { error: { innererror: { code: innerCode } } });
}

/** 403 of an operation on a version that is switched off. */
export function disabled(kind: ObjectKind, operation: string): ArmError {
  const innerCode = kind === 'key' ? 'KeyDisabled' : 'SecretDisabled';
  return forbidden(innerCode, `Operation ${operation} is not allowed on a disabled ${kind}.`);
}

/** 401 with the challenge that tells clients where and for what to get a token. */
export function unauthorized(tenantId: string, audience: string, message: string): ArmError {
  const challenge = `Bearer authorization="https://login.microsoftonline.com/${tenantId}", resource="${audience}"`;
  return new ArmError(401, 'Unauthorized', message, { headers: { 'www-authenticate': challenge } });
}
