import * as z from 'zod';
import { lenient, lenientObject, offFlag } from './lenient.ts';

/** `Microsoft.ContainerRegistry/registries` as ARM returns it (raw names, api-version 2025-11-01); only what policies read. */
export const ContainerRegistry = z.object({
  id: z.string(),
  name: z.string(),
  properties: lenientObject({
    adminUserEnabled: offFlag(),
    creationDate: lenient(z.string()),
    loginServer: lenient(z.string()),
    provisioningState: lenient(z.string()),
  }),
});
export type ContainerRegistry = z.infer<typeof ContainerRegistry>;
