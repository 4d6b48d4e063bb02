import { describe, expect, it } from 'vitest';
import { registry } from '../../../src/policy/acr/registry-example.ts';
import { acrRotateSecondPassword } from '../../../src/remediations/acr/rotate-second-password.ts';
import { ContainerRegistry } from '../../../src/resources/container-registry.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { recordOps } from '../recorded-ops.ts';
import { linesOf, runCommands } from '../run-commands.ts';

const resource = ContainerRegistry.parse(registry({ adminUserEnabled: true }));
const target = parseResourceId(resource.id);
const violation = { target, resource, evidence: { lastRotated: null, maxAgeDays: 90 }, parameters: { maxAgeDays: 90 } };
const context = { target, part: '', evidence: violation.evidence, items: [] };

describe('acr-rotate-second-password', () => {
  it('rotates the second password and leaves the first one alone', async () => {
    const { ops, calls } = recordOps(acrRotateSecondPassword);

    await acrRotateSecondPassword.fix({ ...violation, ops });

    expect(calls).toEqual([['regeneratePassword', target, 'password2']]);
  });

  it('stores it where a vault takes it, and rotates nothing besides', async () => {
    const { ops, calls } = recordOps(acrRotateSecondPassword);
    const secretVault = 'https://contoso-kv.vault.azure.net';

    await acrRotateSecondPassword.fix({ ...violation, secretVault, ops });

    expect(calls).toEqual([['rotateAndStorePassword', target, secretVault]]);
    expect(acrRotateSecondPassword.storesIn).toMatchObject({
      setting: 'ACR_ROTATED_PASSWORD_VAULT',
      default: undefined,
    });
  });

  it('changes no property, so there is nothing to put back, and it says why', () => {
    expect(acrRotateSecondPassword.touches(violation)).toEqual([]);
    expect(acrRotateSecondPassword.undo).toBeUndefined();
    expect(acrRotateSecondPassword.irreversible).toMatch(/no way to set or restore/);
  });

  it('yields to a rotation by somebody else for a day unless told otherwise', () => {
    const { action, grace } = acrRotateSecondPassword.yieldsTo ?? {};

    expect(action).toBe('Microsoft.ContainerRegistry/registries/regenerateCredential/action');
    expect(grace).toMatchObject({ setting: 'ACR_ROTATION_GRACE', default: 86_400_000 });
    expect(grace?.parse('2d')).toBe(172_800_000);
  });

  it('tells a person to renew it without showing it', () => {
    const { summary, ...advice } = acrRotateSecondPassword.advise({ ...context, reason: 'before-too-large' });
    const options = [
      '--subscription',
      target.subscriptionId,
      '--resource-group',
      target.resourceGroup,
      '--name',
      target.name,
    ];

    expect(summary).toMatch(/password2/);
    expect(runCommands(linesOf(advice)).calls).toEqual([
      ['az', 'acr', 'credential', 'renew', ...options, '--password-name', 'password2', '--output', 'none'],
      ['az', 'acr', 'update', ...options, '--admin-enabled', 'false', '--output', 'none'],
    ]);
  });

  it('tells a person to find who keeps reversing it', () => {
    const advice = acrRotateSecondPassword.advise({ ...context, reason: 'war-with-many' });

    expect(advice.summary).toMatch(/^Find who keeps changing it back/);
    expect(runCommands(linesOf(advice)).calls.map((words) => words.slice(0, 4).join(' '))).toEqual([
      'az monitor activity-log list',
      'dockwarden quarantine list',
      'dockwarden quarantine release given FINDING',
    ]);
  });
});
