import { findPasswordUsers, regeneratePassword, updateRegistry } from '../../azure/container-registry.ts';
import { acrAdminUserDisabled } from '../../policy/acr/admin-user-disabled.ts';
import { acrSecondPasswordFresh } from '../../policy/acr/second-password-fresh.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import { type Advice, type AdviceStep, askFor, shellQuote, targetOptions } from '../advice.ts';
import { defineRemediation } from '../define-remediation.ts';
import { adviseOnReversal, isReversal } from '../reversal-advice.ts';

export const acrDisableAdminUser = defineRemediation({
  id: 'acr-disable-admin-user',
  title: 'Disable the admin user of the container registry',
  fixes: acrAdminUserDisabled,
  impact:
    'Anything that signs in with an admin password stops pulling and pushing at once. Tokens that were issued before stay valid for up to 3 hours.',
  uses: { findPasswordUsers, regeneratePassword, updateRegistry },
  renews: [acrSecondPasswordFresh],
  touches: () => ['/properties/adminUserEnabled'],
  async preflight({ target, resource, ops }) {
    const { loginServer } = resource.properties;
    if (loginServer === undefined) {
      return {
        go: false,
        reason: 'dependants-unreadable',
        because: 'the registry shows no login server, so its users cannot be found',
      };
    }
    const users = await ops.findPasswordUsers(target, loginServer);
    if (users.length === 0) return { go: true };
    const list = users.map(({ id }) => id).join(', ');
    return { go: false, reason: 'dependants-found', because: `these sign in with the admin user: ${list}` };
  },
  async fix({ target, ops }) {
    // Azure refuses credential calls once the user is off, so rotate first: whoever enables it again does not revive a leaked password.
    await ops.regeneratePassword(target, 'password');
    await ops.regeneratePassword(target, 'password2');
    await ops.updateRegistry(target, { adminUserEnabled: false });
  },
  async undo({ target, ops, before }) {
    await ops.updateRegistry(target, { adminUserEnabled: before['/properties/adminUserEnabled'] === true });
  },
  advise({ target, reason }) {
    if (isReversal(reason)) return adviseOnReversal(target, '`adminUserEnabled` (false)');
    if (reason === 'dependants-found') return adviseOnUsers(target);
    if (reason === 'dependants-unreadable') return adviseOnUnknownUsers(target);
    return {
      summary: 'Make sure that nobody signs in with the admin user, then disable it by hand.',
      steps: [listUsers(target), disable(target)],
    };
  },
});

function adviseOnUsers(target: ResourceId): Advice {
  return {
    summary:
      'Let the workloads that sign in with the admin user pull with a managed identity, then disable the admin user.',
    steps: [
      listUsers(target),
      {
        text: 'Give the identity of each of these workloads the right to pull. In a registry whose roles are assigned by repository (ABAC), the role is `Container Registry Repository Reader` instead.',
        commands: [
          [
            'az role assignment create',
            `--assignee-object-id ${askFor('WORKLOAD_PRINCIPAL_ID', 'the object id of the identity of the workload')}`,
            '--assignee-principal-type ServicePrincipal',
            '--role AcrPull',
            `--scope ${shellQuote(target.id)}`,
          ].join(' '),
        ],
      },
      {
        text: 'Deploy the workloads with that identity instead of the password: a container app with `registries[].identity`, a container group with `imageRegistryCredentials[].identity`.',
      },
      {
        ...disable(target),
        text: 'As soon as nobody signs in with the admin user any more, Dockwarden disables it by itself if its mode allows that. By hand, renew both passwords and disable it:',
      },
    ],
  };
}

function adviseOnUnknownUsers(target: ResourceId): Advice {
  return {
    summary: 'Find out who signs in with the admin user, which could not be looked up, then disable it by hand.',
    steps: [
      {
        ...listUsers(target),
        text: 'See who signs in with the admin user. If these calls are refused or fail for you as well, mend that first: Dockwarden needs to read all container groups and container apps of the subscription, and tries again by itself.',
      },
      disable(target),
    ],
  };
}

function listUsers({ subscriptionId, name }: ResourceId): AdviceStep {
  const list = (command: string, registries: string) =>
    [
      `az ${command} list`,
      `--subscription ${shellQuote(subscriptionId)}`,
      `--query ${shellQuote(`[?${registries}[?username=='${name}']].id`)}`,
      '--output tsv',
    ].join(' ');
  return {
    text: 'See which container groups and container apps of the subscription sign in with the admin user. App Service, pipelines and other subscriptions are not among them: ask their owners.',
    commands: [
      list('container', 'imageRegistryCredentials'),
      list('containerapp', 'properties.configuration.registries'),
    ],
  };
}

function disable(target: ResourceId): AdviceStep {
  const options = targetOptions(target);
  return {
    text: 'Renew both passwords, because they come back to life with the admin user, and disable it. What still signs in with it stops pulling and pushing at once.',
    commands: [
      ...['password', 'password2'].map(
        // The answer holds both passwords: they must not end up in a terminal's history.
        (password) => `az acr credential renew ${options} --password-name ${password} --output none`,
      ),
      `az acr update ${options} --admin-enabled false --output none`,
    ],
  };
}
