import type { TokenCredential } from '@azure/identity';
import { DockwardenError } from './errors.ts';
import type { TicketTarget } from './settings/ticket-settings.ts';
import { createAzureDevOpsSystem } from './tickets/azure-devops.ts';
import { createGitHubSystem } from './tickets/github.ts';
import { createRedmineSystem } from './tickets/redmine.ts';
import type { TicketSystem } from './tickets/ticket-system.ts';
import { createWebhookSystem } from './tickets/webhook.ts';

/** The application of Azure DevOps, the same in every tenant. */
const AZURE_DEVOPS_SCOPE = '499b84ac-1321-427f-aa17-267ca6975798/.default';

/** The adapter of the configured system; undefined = tickets stay in the table. */
export function createTicketSystem(target: TicketTarget, credential: TokenCredential): TicketSystem | undefined {
  switch (target.system) {
    case 'table':
      return undefined;
    case 'azure-devops': {
      const { organization, project, type, areaPath } = target;
      return createAzureDevOpsSystem({
        organization,
        project,
        workItemType: type,
        ...(areaPath !== undefined && { areaPath }),
        getToken: async (abortSignal) => await getToken(credential, AZURE_DEVOPS_SCOPE, abortSignal),
      });
    }
    case 'github': {
      const { repository, token, allowPublic } = target;
      return createGitHubSystem({ repository, allowPublic, getToken: async () => await Promise.resolve(token) });
    }
    case 'redmine': {
      const { url, apiKey, project, trackerId, fieldId, priorities } = target;
      return createRedmineSystem({ baseUrl: url, apiKey, projectId: project, trackerId, fieldId, priorities });
    }
    case 'webhook': {
      const { url, secret } = target;
      return createWebhookSystem({ url, credential, ...(secret !== undefined && { secret }) });
    }
  }
}

/** A token of the identity. Rejects with `CONFIG_MISSING` when there is none, and with what the identity says. */
export async function getToken(credential: TokenCredential, scope: string, abortSignal: AbortSignal): Promise<string> {
  const token = await credential.getToken(scope, { abortSignal });
  if (token === null) throw new DockwardenError('CONFIG_MISSING', `there is no token for ${scope}`);
  return token.token;
}
