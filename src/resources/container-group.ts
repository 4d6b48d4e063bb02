import * as z from 'zod';
import { lenient, lenientObject } from './lenient.ts';

/** A malformed entry reads as an empty one: it must not hide its neighbours. */
const RegistryCredential = lenientObject({ server: lenient(z.string()), username: lenient(z.string()) });

/** `Microsoft.ContainerInstance/containerGroups` as ARM returns it (api-version 2023-05-01): server and user name, never the password. */
export const ContainerGroup = z.object({
  id: z.string(),
  name: z.string(),
  properties: lenientObject({
    imageRegistryCredentials: z.array(RegistryCredential).catch([]),
    provisioningState: lenient(z.string()),
  }),
});
export type ContainerGroup = z.infer<typeof ContainerGroup>;

/** `Microsoft.App/containerApps`: as far as the pre-flight of the registry's admin user needs (shape unverified against live Azure). */
export const ContainerApp = z.object({
  id: z.string(),
  name: z.string(),
  properties: lenientObject({
    configuration: lenientObject({ registries: z.array(RegistryCredential).catch([]) }),
  }),
});
export type ContainerApp = z.infer<typeof ContainerApp>;

const SignIns = z.array(z.object({})).nullish();
const SignInShape = z.object({
  properties: z.object({
    imageRegistryCredentials: SignIns,
    configuration: z.object({ registries: SignIns }).nullish(),
  }),
});

/** Are the lists of registries that a group or app signs in to lists, or absent because there are none? */
export function hasReadableSignIns(raw: unknown): boolean {
  return SignInShape.safeParse(raw).success;
}
