import type { ResourceId } from '../../resources/resource-id.ts';
import { type Advice, type AdviceStep, askFor, shellQuote } from '../advice.ts';
import { OPT_IN } from './key-preflight.ts';

/** The options of `az keyvault key` that say which key is meant. */
export function keyOptions({ subscriptionId, name }: ResourceId): string {
  const [vault = '', key = ''] = name.split('/');
  return `--subscription ${shellQuote(subscriptionId)} --vault-name ${shellQuote(vault)} --name ${shellQuote(key)}`;
}

/** What to do about what the shared pre-flight has found; `last` is the step that does the fix by hand. Undefined for other reasons. */
export function adviseOnKey(target: ResourceId, reason: string, last: AdviceStep): Advice | undefined {
  switch (reason) {
    case 'not-opted-in':
      return {
        summary: 'Ask the owner of the key whether Dockwarden may rotate it, and let them say so with a tag on it.',
        steps: [optIn(target), last],
      };
    case 'pinned-users-found':
      return {
        summary:
          'Let everything that is encrypted with one version of the key follow to new ones, or renew it there by hand.',
        steps: [listKeyUsers(target), followVersions(target), last],
      };
    case 'no-known-users':
      return {
        summary: 'Find out who uses the key and whether they follow to new versions, then decide with them.',
        steps: [
          listKeyUsers(target),
          {
            text: 'Users in other subscriptions, other services and own programs are not among them: the log of the vault names whoever used the key. A key that nobody uses can be disabled instead:',
            commands: [`az keyvault key set-attributes ${keyOptions(target)} --enabled false --output none`],
          },
          last,
        ],
      };
    case 'dependants-unreadable':
      return {
        summary: 'Find out who uses the key, which could not be looked up, then do it by hand.',
        steps: [
          {
            ...listKeyUsers(target),
            text: 'See who uses the key. If these calls are refused or fail for you as well, mend that first: Dockwarden needs to read registries, disk encryption sets and clusters of the subscription, and tries again by itself.',
          },
          last,
        ],
      };
    default:
      return undefined;
  }
}

function optIn(target: ResourceId): AdviceStep {
  const options = keyOptions(target);
  return {
    text: 'See the tags of the key, then set them all again together with the new one: the command replaces what is there. Dockwarden then goes on by itself if its mode allows that.',
    commands: [
      `az keyvault key show ${options} --query tags`,
      `az keyvault key set-attributes ${options} --tags ${OPT_IN.tag}=${OPT_IN.value} --output none`,
    ],
  };
}

/** Who is known to use the key, as the resource graph would say, asked type by type. */
export function listKeyUsers({ subscriptionId, name }: ResourceId): AdviceStep {
  const [vault = '', key = ''] = name.split('/');
  const list = (command: string, path: string) => {
    const isOurs = `${path} && contains(${path}, '${vault}.') && contains(${path}, '/keys/${key}')`;
    return [
      `az ${command} list --subscription ${shellQuote(subscriptionId)}`,
      `--query ${shellQuote(`[?${isOurs}].[id,${path}]`)} --output tsv`,
    ].join(' ');
  };
  return {
    text: 'See which registries, disk encryption sets and clusters of the subscription are encrypted with the key, each with the address that it uses; one that ends with a version does not follow to the next.',
    commands: [
      list('acr', 'encryption.keyVaultProperties.keyIdentifier'),
      list('disk-encryption-set', 'activeKey.keyUrl'),
      list('aks', 'securityProfile.azureKeyVaultKms.keyId'),
    ],
  };
}

function followVersions(target: ResourceId): AdviceStep {
  const subscription = `--subscription ${shellQuote(target.subscriptionId)}`;
  const keyUri = askFor('KEY_URI', 'the address of the key without a version');
  return {
    text: 'Let disk encryption sets and registries follow. A cluster encrypts its secrets with one version only: give it the new one after each rotation, and leave the old one enabled until all secrets are written again.',
    commands: [
      [
        `az disk-encryption-set update ${subscription}`,
        `--resource-group ${askFor('SET_GROUP', 'the resource group of the disk encryption set')}`,
        `--name ${askFor('SET_NAME', 'the name of the disk encryption set')}`,
        `--key-url ${keyUri} --enable-auto-key-rotation true --output none`,
      ].join(' '),
      [
        `az acr encryption rotate-key ${subscription}`,
        `--name ${askFor('REGISTRY', 'the name of the registry')}`,
        `--key-encryption-key ${keyUri} --output none`,
      ].join(' '),
    ],
  };
}
