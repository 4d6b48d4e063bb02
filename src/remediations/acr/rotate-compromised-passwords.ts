import { regeneratePassword, updateRegistry } from '../../azure/container-registry.ts';
import { acrCredentialsNotCompromised } from '../../policy/acr/credentials-not-compromised.ts';
import { acrSecondPasswordFresh } from '../../policy/acr/second-password-fresh.ts';
import { targetOptions } from '../advice.ts';
import { defineRemediation } from '../define-remediation.ts';
import { adviseOnReversal, isReversal } from '../reversal-advice.ts';

export const acrRotateCompromisedPasswords = defineRemediation({
  id: 'acr-rotate-compromised-passwords',
  title: 'Renew the stolen admin passwords of the container registry and disable its admin user',
  fixes: acrCredentialsNotCompromised,
  impact:
    'Everything that signs in with an admin password stops pulling and pushing at once, whoever it is: unlike `acr-disable-admin-user`, this asks for no workloads first. Tokens that were issued before stay valid for up to 3 hours; repository-scoped tokens keep their own passwords.',
  uses: { regeneratePassword, updateRegistry },
  renews: [acrSecondPasswordFresh],
  touches: () => ['/properties/adminUserEnabled'],
  async fix({ target, ops }) {
    // Azure refuses credential calls once the user is off: renewed first, nothing that was stolen comes back to life with it.
    await ops.regeneratePassword(target, 'password');
    await ops.regeneratePassword(target, 'password2');
    await ops.updateRegistry(target, { adminUserEnabled: false });
  },
  irreversible:
    'The stolen passwords are gone, which is the point: Azure generates new ones and offers no way to restore a value. Who needs the admin user enables it again by hand.',
  advise({ reason, target }) {
    if (isReversal(reason)) return adviseOnReversal(target, '`adminUserEnabled` (false)');
    const options = targetOptions(target);
    return {
      summary: 'Renew both admin passwords now, and disable the admin user.',
      steps: [
        {
          text: 'What signs in with a password stops pulling and pushing at once; so does whoever stole it:',
          commands: [
            ...['password', 'password2'].map(
              (password) => `az acr credential renew ${options} --password-name ${password} --output none`,
            ),
            `az acr update ${options} --admin-enabled false --output none`,
          ],
        },
      ],
    };
  },
});
