import type { Check } from '../checks/run-checks.ts';
import { OBSERVE, withSettings } from './samples.ts';
import type { Workspace } from './workspace.ts';

/** What the compiler has to refuse, each with what its message has to name. */
export function listRefusals(workspace: Workspace): readonly Check[] {
  const refused = (
    what: string,
    settings: Readonly<Record<string, string>>,
    message: RegExp,
    parameters: readonly string[] = [],
  ): Check => ({
    what: `refused: ${what}`,
    async holds() {
      const text = [withSettings(await workspace.readText(OBSERVE), settings), ...parameters].join('\n');
      const answer = await workspace.predictText(text).then(
        () => 'it was taken',
        (error: unknown) => String(error),
      );
      if (message.test(answer)) return true;
      throw new Error(`expected a message like ${String(message)}: ${answer}`);
    },
  });
  return [
    refused('a mode that there is not', { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'fix' }, /BCP\d+.*'approve' \| 'enforce'/s),
    refused(
      'a setting that there is not',
      { REMEDIATE_ACR_DISABLE_ADMIN: 'enforce' },
      /BCP\d+.*REMEDIATE_ACR_DISABLE_ADMIN/s,
    ),
    refused('a secret in plain text', { TICKETS_GITHUB_TOKEN: 'plain' }, /TICKETS_GITHUB_TOKEN: store the secret in a/),
    refused(
      'a reference to a key vault that the app may not read',
      { TICKETS_GITHUB_TOKEN: '@Microsoft.KeyVault(SecretUri=https://contoso.vault.azure.net/secrets/one)' },
      /TICKETS_GITHUB_TOKEN: give the ids .* keyVaultReferenceIds/,
    ),
    refused("an export without Defender's service principal", {}, /give defenderSenderPrincipalId/, [
      'param enableDefenderExport = true',
    ]),
    refused(
      'commands in clusters that are not named',
      { AKS_RUN_COMMAND: 'private-clusters' },
      /give the ids of the clusters in runCommandClusterIds/,
    ),
    refused(
      'metrics of a workspace that is not named',
      { AKS_METRICS_ENDPOINTS: 'https://contoso.westeurope.prometheus.monitor.azure.com' },
      /give the ids of these workspaces in azureMonitorWorkspaceIds/,
    ),
    refused(
      'a vault for passwords that is not named',
      { ACR_ROTATED_PASSWORD_VAULT: 'https://contoso.vault.azure.net' },
      /give the id of that vault in rotationVaultId/,
    ),
    refused('the same subscription twice', {}, /name each only once/, [
      "param subscriptions = [{ id: '11111111-2222-3333-4444-555555555555' }, { id: '11111111-2222-3333-4444-555555555555' }]",
    ]),
    refused('a retention that nobody can have', {}, /BCP\d+.*too small/, ['param keptMessageDays = 1']),
    refused('more action groups than an alert rule takes', {}, /BCP\d+.*too long/, [
      "param actionGroupIds = ['/a', '/b', '/c', '/d', '/e']",
    ]),
    refused('a redundancy that there is not', {}, /BCP\d+.*'Standard_LRS'/, ["param storageSku = 'Premium_LRS'"]),
  ];
}
