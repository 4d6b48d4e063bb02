import { describe, expect, it } from 'vitest';
import { registry } from '../../../src/policy/acr/registry-example.ts';
import { acrDisableAdminUser } from '../../../src/remediations/acr/disable-admin-user.ts';
import { ContainerRegistry } from '../../../src/resources/container-registry.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { recordOps } from '../recorded-ops.ts';

const resource = ContainerRegistry.parse(registry({ adminUserEnabled: true }));
const target = parseResourceId(resource.id);
const violation = { target, resource, evidence: { adminUserEnabled: true }, parameters: {} };

describe('acr-disable-admin-user', () => {
  it('rotates both passwords before it disables the user that they belong to', async () => {
    const { ops, calls } = recordOps(acrDisableAdminUser);

    await acrDisableAdminUser.fix({ ...violation, ops });

    expect(calls).toEqual([
      ['regeneratePassword', target, 'password'],
      ['regeneratePassword', target, 'password2'],
      ['updateRegistry', target, { adminUserEnabled: false }],
    ]);
  });

  it('disables nothing when a rotation fails', async () => {
    const { ops, calls } = recordOps(acrDisableAdminUser, { regeneratePassword: new Error('refused') });

    await expect(acrDisableAdminUser.fix({ ...violation, ops })).rejects.toThrow('refused');

    expect(calls.map(([name]) => name)).toEqual(['regeneratePassword']);
  });

  it('goes ahead when nobody signs in with the admin user', async () => {
    const { ops, calls } = recordOps(acrDisableAdminUser, { findPasswordUsers: [] });

    expect(await acrDisableAdminUser.preflight?.({ ...violation, ops })).toEqual({ go: true });
    expect(calls).toEqual([['findPasswordUsers', target, 'contosoacr.azurecr.io']]);
  });

  it('stops and lists everybody who signs in with the admin user', async () => {
    const users = [{ id: '/subscriptions/s/one' }, { id: '/subscriptions/s/two' }];
    const { ops } = recordOps(acrDisableAdminUser, { findPasswordUsers: users });

    expect(await acrDisableAdminUser.preflight?.({ ...violation, ops })).toEqual({
      go: false,
      reason: 'dependants-found',
      because: 'these sign in with the admin user: /subscriptions/s/one, /subscriptions/s/two',
    });
  });

  it('stops when the registry has no login server to look for', async () => {
    const unnamed = ContainerRegistry.parse(registry({ adminUserEnabled: true, loginServer: undefined }));
    const { ops, calls } = recordOps(acrDisableAdminUser);

    expect(await acrDisableAdminUser.preflight?.({ ...violation, resource: unnamed, ops })).toMatchObject({
      go: false,
      reason: 'dependants-unreadable',
    });
    expect(calls).toEqual([]);
  });

  it('touches the flag and nothing else', () => {
    expect(acrDisableAdminUser.touches(violation)).toEqual(['/properties/adminUserEnabled']);
  });

  it.each([
    [true, true],
    [false, false],
    [undefined, false],
  ])('undo brings back the flag as it was: %s → %s', async (was, adminUserEnabled) => {
    const { ops, calls } = recordOps(acrDisableAdminUser);

    await acrDisableAdminUser.undo?.({
      target,
      ops,
      before: was === undefined ? {} : { '/properties/adminUserEnabled': was },
      after: { '/properties/adminUserEnabled': false },
    });

    expect(calls).toEqual([['updateRegistry', target, { adminUserEnabled }]]);
  });

  it('makes the second password new as well', () => {
    expect(acrDisableAdminUser.renews?.map(({ id }) => id)).toEqual(['acr-second-password-fresh']);
  });
});
