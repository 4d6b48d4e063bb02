import * as z from 'zod';
import type { ArmAccess } from '../azure/arm-access.ts';
import { DockwardenError } from '../errors.ts';
import { isPlainObject, lenient, lenientObject } from '../resources/lenient.ts';
import type { Environment } from '../settings/settings.ts';
import { doctorVersions } from './api-versions.ts';
import type { AppId } from './app-id.ts';

/** An identity that the app has. */
export interface AppIdentity {
  /** Object id: what roles are assigned to. */
  readonly principalId: string;
  /** Undefined of a system-assigned identity. */
  readonly clientId: string | undefined;
}

/** A function app, as far as it is looked at. */
export interface FunctionApp {
  readonly state: string | undefined;
  readonly identities: readonly AppIdentity[];
  /** Name and version of the language that it runs; undefined of an app outside Flex Consumption. */
  readonly runtime: { readonly name: string; readonly version: string } | undefined;
  readonly httpsOnly: boolean | undefined;
}

const Site = z.object({
  identity: lenientObject({
    principalId: lenient(z.string()),
    userAssignedIdentities: lenient(z.record(z.string(), z.unknown())),
  }),
  properties: lenientObject({
    state: lenient(z.string()),
    httpsOnly: lenient(z.boolean()),
    functionAppConfig: lenientObject({
      runtime: lenientObject({ name: lenient(z.string()), version: lenient(z.string()) }),
    }),
  }),
});
const UserAssigned = lenientObject({ principalId: lenient(z.string()), clientId: lenient(z.string()) });

export async function readFunctionApp(arm: ArmAccess, { id }: AppId): Promise<FunctionApp> {
  const { identity, properties } = Site.parse(await arm.get(id, doctorVersions.sites));
  const { name, version } = properties.functionAppConfig.runtime;
  const own = identity.principalId === undefined ? [] : [{ principalId: identity.principalId, clientId: undefined }];
  const assigned = Object.values(identity.userAssignedIdentities ?? {}).flatMap((value) => {
    const { principalId, clientId } = UserAssigned.parse(value);
    return principalId === undefined ? [] : [{ principalId, clientId }];
  });
  return {
    state: properties.state,
    httpsOnly: properties.httpsOnly,
    identities: [...assigned, ...own],
    runtime: name === undefined || version === undefined ? undefined : { name, version },
  };
}

/** The app's settings as text. They may hold secrets: nothing but names and what the parser says of them is ever shown. */
export async function readAppSettings(arm: ArmAccess, { id }: AppId): Promise<Environment> {
  const { properties } = await arm.ask(`${id}/config/appsettings/list`, doctorVersions.sites);
  if (!isPlainObject(properties)) throw new DockwardenError('AZURE_TRANSIENT', 'the answer holds no app settings');
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : [])),
  );
}

/** One function as Azure knows it. */
export interface DeployedFunction {
  readonly name: string;
  readonly isDisabled: boolean;
}

const RegisteredFunction = z.object({
  name: z.string(),
  properties: lenientObject({ name: lenient(z.string()), isDisabled: lenient(z.boolean()) }),
});

export async function listFunctions(arm: ArmAccess, { id }: AppId): Promise<readonly DeployedFunction[]> {
  const items = await arm.list(`${id}/functions`, doctorVersions.sites);
  return items.flatMap((item) => {
    const { data } = RegisteredFunction.safeParse(item);
    if (data === undefined) return [];
    // The name of a child resource is `<app>/<function>`.
    const name = data.properties.name ?? data.name.split('/').at(-1) ?? '';
    return [{ name, isDisabled: data.properties.isDisabled === true }];
  });
}
