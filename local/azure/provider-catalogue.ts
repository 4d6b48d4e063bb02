import type { Provider } from './provider.ts';
import { containerRegistry } from './providers/container-registry.ts';
import { resources } from './providers/resources.ts';

/** Every resource provider of the simulated Azure. */
export const providers: readonly Provider[] = [resources, containerRegistry];
