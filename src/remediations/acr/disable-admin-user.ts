import { findPasswordUsers, regeneratePassword, updateRegistry } from '../../azure/container-registry.ts';
import { acrAdminUserDisabled } from '../../policy/acr/admin-user-disabled.ts';
import { acrSecondPasswordFresh } from '../../policy/acr/second-password-fresh.ts';
import { defineRemediation } from '../define-remediation.ts';

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
});
