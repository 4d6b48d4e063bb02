import type { Provider } from './provider.ts';
import { managedIdentity, operationalInsights } from './providers/app-parts.ts';
import { authorization } from './providers/authorization.ts';
import { containerApps } from './providers/container-apps.ts';
import { containerInstance } from './providers/container-instance.ts';
import { containerRegistry } from './providers/container-registry.ts';
import { containerService } from './providers/container-service.ts';
import { eventGrid } from './providers/event-grid.ts';
import { eventHub } from './providers/event-hub.ts';
import { insights } from './providers/extension-resources.ts';
import { keyVault } from './providers/key-vault.ts';
import { withRegistration } from './providers/registration.ts';
import { resourceGraph } from './providers/resource-graph.ts';
import { resources } from './providers/resources.ts';
import { security } from './providers/security.ts';
import { storage } from './providers/storage.ts';
import { web } from './providers/web.ts';

/** Every resource provider of the simulated Azure: a new one is one file and one line here. */
export const providers: readonly Provider[] = [
  resources,
  authorization,
  resourceGraph,
  containerRegistry,
  containerService,
  containerInstance,
  keyVault,
  insights,
  containerApps,
  security,
  web,
  storage,
  eventGrid,
  eventHub,
  managedIdentity,
  operationalInsights,
].map(withRegistration);
