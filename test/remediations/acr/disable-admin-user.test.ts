import { describe, expect, it } from 'vitest';
import { registry } from '../../../src/policy/acr/registry-example.ts';
import { acrDisableAdminUser } from '../../../src/remediations/acr/disable-admin-user.ts';
import { ContainerRegistry } from '../../../src/resources/container-registry.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { recordOps } from '../recorded-ops.ts';
import { linesOf, runCommands } from '../run-commands.ts';

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

describe('acr-disable-admin-user, what a person is told', () => {
  const options = [
    '--subscription',
    target.subscriptionId,
    '--resource-group',
    target.resourceGroup,
    '--name',
    target.name,
  ];
  const disabling = [
    ['az', 'acr', 'credential', 'renew', ...options, '--password-name', 'password', '--output', 'none'],
    ['az', 'acr', 'credential', 'renew', ...options, '--password-name', 'password2', '--output', 'none'],
    ['az', 'acr', 'update', ...options, '--admin-enabled', 'false', '--output', 'none'],
  ];

  function tell(reason: string) {
    const advice = acrDisableAdminUser.advise({ target, part: '', evidence: violation.evidence, items: [], reason });
    return { summary: advice.summary, calls: runCommands(linesOf(advice)).calls };
  }

  it('is to move those who sign in with the admin user before it is disabled', () => {
    const { summary, calls } = tell('dependants-found');

    expect(summary).toMatch(/pull with a managed identity, then disable the admin user/);
    expect(calls.slice(0, 2)).toEqual([
      [
        'az',
        'container',
        'list',
        '--subscription',
        target.subscriptionId,
        '--query',
        "[?imageRegistryCredentials[?username=='contosoacr']].id",
        '--output',
        'tsv',
      ],
      [
        'az',
        'containerapp',
        'list',
        '--subscription',
        target.subscriptionId,
        '--query',
        "[?properties.configuration.registries[?username=='contosoacr']].id",
        '--output',
        'tsv',
      ],
    ]);
    expect(calls[2]).toEqual([
      'az',
      'role',
      'assignment',
      'create',
      '--assignee-object-id',
      'given WORKLOAD_PRINCIPAL_ID',
      '--assignee-principal-type',
      'ServicePrincipal',
      '--role',
      'AcrPull',
      '--scope',
      target.id,
    ]);
    expect(calls.slice(3)).toEqual(disabling);
  });

  it.each(['dependants-unreadable', 'before-too-large', 'whatever comes'])(
    'is to look for them first, then to disable it: %s',
    (reason) => {
      const { calls } = tell(reason);

      expect(calls.slice(0, 2).map((words) => words.slice(0, 3).join(' '))).toEqual([
        'az container list',
        'az containerapp list',
      ]);
      expect(calls.slice(2)).toEqual(disabling);
    },
  );

  it('says why it looks for them by hand when the look-up failed', () => {
    expect(tell('dependants-unreadable').summary).toMatch(/which could not be looked up/);
  });

  it.each(['war-with-writer', 'war-with-many'])(
    'is to find the source when somebody keeps enabling it: %s',
    (reason) => {
      const { summary, calls } = tell(reason);

      expect(summary).toMatch(
        /^Find who keeps changing it back, and set `adminUserEnabled` \(false\) right at the source/,
      );
      expect(calls[0]?.slice(0, 6)).toEqual(['az', 'monitor', 'activity-log', 'list', '--resource-id', target.id]);
      expect(calls.flat()).not.toContain('--admin-enabled');
    },
  );
});
