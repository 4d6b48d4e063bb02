import { regeneratePassword } from '../../azure/container-registry.ts';
import { rotateAndStorePassword } from '../../azure/password-rotation.ts';
import { acrSecondPasswordFresh } from '../../policy/acr/second-password-fresh.ts';
import { duration, vaultAddress } from '../../policy/parameters.ts';
import { targetOptions } from '../advice.ts';
import { defineRemediation } from '../define-remediation.ts';
import { adviseOnReversal, isReversal } from '../reversal-advice.ts';

export const acrRotateSecondPassword = defineRemediation({
  id: 'acr-rotate-second-password',
  title: 'Rotate the second admin password of the container registry',
  fixes: acrSecondPasswordFresh,
  impact:
    'Clients that hold `password2` stop signing in; clients that hold `password` do not notice. The new value takes about a minute to reach every replica, and nobody is told it: read it in the portal when it is needed, or let `ACR_ROTATED_PASSWORD_VAULT` name a vault that takes it.',
  uses: { regeneratePassword, rotateAndStorePassword },
  // Somebody else's rotation names no password: it proves nothing about this one, but they may be in the middle of a rollover.
  yieldsTo: {
    action: 'Microsoft.ContainerRegistry/registries/regenerateCredential/action',
    grace: duration(
      'ACR_ROTATION_GRACE',
      '24h',
      'How long to leave the passwords of a registry alone after somebody else rotated one.',
    ),
  },
  storesIn: vaultAddress(
    'ACR_ROTATED_PASSWORD_VAULT',
    'Key vault that takes the new `password2` of a registry, as secret `<registry>-password2`. Not set: the password is discarded, and is to be read in the portal.',
  ),
  touches: () => [],
  async fix({ target, secretVault, ops }) {
    if (secretVault === undefined) await ops.regeneratePassword(target, 'password2');
    else await ops.rotateAndStorePassword(target, secretVault);
  },
  irreversible: 'The old password is gone: Azure generates a new one and offers no way to set or restore a value.',
  advise({ target, reason }) {
    if (isReversal(reason)) return adviseOnReversal(target, 'the admin user (`adminUserEnabled`)');
    const options = targetOptions(target);
    return {
      summary: 'Find out who holds `password2`, then renew it by hand.',
      steps: [
        {
          text: 'Clients that hold `password2` stop signing in when it is renewed: move them to `password` or, better, to a managed identity first. Then renew it; the new value is shown in the portal when it is needed.',
          commands: [`az acr credential renew ${options} --password-name password2 --output none`],
        },
        {
          text: 'Once nobody signs in with a password any more, disable the admin user, and nothing is left to be renewed:',
          commands: [`az acr update ${options} --admin-enabled false --output none`],
        },
      ],
    };
  },
});
