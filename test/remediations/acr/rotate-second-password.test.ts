import { describe, expect, it } from 'vitest';
import { registry } from '../../../src/policy/acr/registry-example.ts';
import { acrRotateSecondPassword } from '../../../src/remediations/acr/rotate-second-password.ts';
import { ContainerRegistry } from '../../../src/resources/container-registry.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { recordOps } from '../recorded-ops.ts';

const resource = ContainerRegistry.parse(registry({ adminUserEnabled: true }));
const target = parseResourceId(resource.id);
const violation = { target, resource, evidence: { lastRotated: null, maxAgeDays: 90 }, parameters: { maxAgeDays: 90 } };

describe('acr-rotate-second-password', () => {
  it('rotates the second password and leaves the first one alone', async () => {
    const { ops, calls } = recordOps(acrRotateSecondPassword);

    await acrRotateSecondPassword.fix({ ...violation, ops });

    expect(calls).toEqual([['regeneratePassword', target, 'password2']]);
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
});
