import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../local/azure/json.ts';
import { type Deployed, startDeployed } from './deployed-harness.ts';
import { assignPolicy, SUBSCRIPTION } from './planted-faults.ts';

const DEFINITIONS = '/providers/Microsoft.Authorization/policyDefinitions';
const FIX = `${DEFINITIONS}/79fdfe03-ffcb-4e55-b4d0-b925b8241759`;
const AUDIT = `${DEFINITIONS}/dc921057-6b28-4fbe-9b83-f7bec05db6c2`;
const GROUP = '/providers/Microsoft.Management/managementGroups/mg-platform';

let deployed: Deployed;
beforeEach(async () => {
  deployed = await startDeployed();
});
afterEach(async () => {
  await deployed.stop();
});

/** Puts an initiative that holds the definition and another one. */
function defineInitiative(member: JsonObject, parameters: JsonObject = {}, scope = SUBSCRIPTION): string {
  const id = `${scope}/providers/Microsoft.Authorization/policySetDefinitions/registries`;
  deployed.simulator.state.put({
    id,
    name: 'registries',
    type: 'Microsoft.Authorization/policySetDefinitions',
    properties: {
      policyType: 'Custom',
      parameters,
      policyDefinitions: [
        { policyDefinitionReferenceId: 'audit', policyDefinitionId: AUDIT },
        { policyDefinitionReferenceId: 'fix', policyDefinitionId: FIX, ...member },
      ],
    },
  });
  return id;
}

async function find(properties: JsonObject, scope?: string) {
  const findings = await deployed.find('azure-policy', { plant: assignPolicy(properties, scope) });
  return findings.map(({ code, severity, subject }) => `${severity} ${code} ${subject.split('/').at(-1)}`);
}

const member = (words: JsonObject) => ({ kind: 'policyDefinitionReferenceId', ...words });
const override = (value: string, ...selectors: JsonObject[]) => [{ kind: 'policyEffect', value, selectors }];
const by = (value: string) => ({ parameters: { Effect: { value } } });

const FOUND = ['warning policy-assignment-fixes fixes-admin-user'];

describe('an assignment that fixes the same', () => {
  it('counts below the subscription and above it', async () => {
    expect(await find({ policyDefinitionId: FIX }, `${SUBSCRIPTION}/resourceGroups/rg-platform-prod`)).toEqual(FOUND);
    deployed.simulator.state.remove(
      `${SUBSCRIPTION}/resourceGroups/rg-platform-prod/providers/Microsoft.Authorization/policyAssignments/fixes-admin-user`,
    );
    deployed.simulator.state.patch(SUBSCRIPTION, { properties: { managementGroups: ['mg-platform'] } });
    expect(await find({ policyDefinitionId: FIX }, GROUP)).toEqual(FOUND);
  });

  it('counts whatever the spelling of its id', async () => {
    expect(await find({ policyDefinitionId: FIX.toUpperCase() })).toEqual(FOUND);
  });

  it('counts in an initiative, with the effect that is given there', async () => {
    expect(await find({ policyDefinitionId: defineInitiative({}) })).toEqual(FOUND);
    expect(
      await find({ policyDefinitionId: defineInitiative({ parameters: { effect: { value: 'Disabled' } } }) }),
    ).toEqual([]);
    const byName = { parameters: { effect: { value: "[parameters('adminEffect')]" } } };
    const declared = { adminEffect: { type: 'String', defaultValue: 'Disabled' } };
    const id = defineInitiative(byName, declared);
    expect(await find({ policyDefinitionId: id })).toEqual([]);
    expect(await find({ policyDefinitionId: id, parameters: { adminEffect: { value: 'Modify' } } })).toEqual(FOUND);
  });

  it('does not count while it is not enforced, or its effect is off or none that fixes', async () => {
    expect(await find({ policyDefinitionId: FIX, enforcementMode: 'DoNotEnforce' })).toEqual([]);
    expect(await find({ policyDefinitionId: FIX, parameters: { effect: { value: 'disabled' } } })).toEqual([]);
    expect(await find({ policyDefinitionId: FIX, parameters: { effect: { value: 'Audit' } } })).toEqual([]);
    expect(await find({ policyDefinitionId: FIX, overrides: [{ kind: 'policyEffect', value: 'Disabled' }] })).toEqual(
      [],
    );
    // A definition that fixes nothing fixes nothing, whatever effect it is given.
    expect(await find({ policyDefinitionId: AUDIT, parameters: { effect: { value: 7 } } })).toEqual([]);
  });

  it('counts where an override is for a part of the resources, and where its effect cannot be told', async () => {
    const part = { kind: 'policyEffect', value: 'Disabled', selectors: [{ kind: 'resourceLocation', in: ['westus'] }] };
    expect(await find({ policyDefinitionId: FIX, overrides: [part] })).toEqual(FOUND);
    expect(await find({ policyDefinitionId: FIX, parameters: { effect: { value: 7 } } })).toEqual(FOUND);
  });

  it('counts where an override says so, for a part of the resources or for the member of an initiative', async () => {
    const location = { kind: 'resourceLocation', in: ['westus'] };
    const audited = { policyDefinitionId: FIX, parameters: { effect: { value: 'Audit' } } };
    const partly = { kind: 'policyEffect', value: 'Modify', selectors: [location] };
    expect(await find({ ...audited, overrides: [partly] })).toEqual(FOUND);
    expect(await find({ ...audited, overrides: [{ ...partly, value: 7 }] })).toEqual(FOUND);
    expect(await find({ ...audited, overrides: [{ ...partly, value: 'Disabled' }] })).toEqual([]);

    const off = { parameters: { effect: { value: 'Disabled' } } };
    const disabled = defineInitiative(off);
    for (const fits of [member({ in: ['audit', 'FIX'] }), member({ notIn: ['audit'] })])
      expect(await find({ policyDefinitionId: disabled, overrides: override('Modify', fits) })).toEqual(FOUND);
    for (const other of [member({ in: ['audit'] }), member({ notIn: ['fix'] })])
      expect(await find({ policyDefinitionId: disabled, overrides: override('Modify', other) })).toEqual([]);

    const fixing = defineInitiative({});
    const here = member({ in: ['fix'] });
    expect(await find({ policyDefinitionId: fixing, overrides: override('Disabled', here) })).toEqual([]);
    expect(await find({ policyDefinitionId: fixing, overrides: override('Disabled', here, location) })).toEqual(FOUND);
  });

  it('counts where an expression decides, whatever the spelling of parameters', async () => {
    const declared = { adminEffect: { type: 'String', defaultValue: 'Disabled' } };
    const chosen = defineInitiative(by("[if(equals(parameters('on'), 'yes'), 'Modify', 'Disabled')]"), declared);
    expect(await find({ policyDefinitionId: chosen })).toEqual(FOUND);
    const named = defineInitiative(by("[ parameters( 'ADMINEFFECT' ) ]"), declared);
    expect(await find({ policyDefinitionId: named })).toEqual([]);
    expect(await find({ policyDefinitionId: named, parameters: { adminEFFECT: { value: 'Modify' } } })).toEqual(FOUND);
    expect(await find({ policyDefinitionId: FIX, parameters: { Effect: { value: 'Audit' } } })).toEqual([]);
  });

  it('does not count where the subscription is left out of it; a group that is left out is a part', async () => {
    const group = `${SUBSCRIPTION}/resourceGroups/rg-platform-prod`;
    expect(await find({ policyDefinitionId: FIX, notScopes: [group] })).toEqual(FOUND);
    expect(await find({ policyDefinitionId: FIX, notScopes: [group, SUBSCRIPTION.toUpperCase()] })).toEqual([]);
  });

  it('is of no interest to a remediation that is off, or whose policy is', async () => {
    const plant = assignPolicy({ policyDefinitionId: FIX });
    for (const settings of [{ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'off' }, { POLICY_ACR_ADMIN_USER_DISABLED: 'off' }])
      expect(await deployed.find('azure-policy', { plant, settings })).toEqual([]);
  });

  it('is not taken for none where its initiative cannot be read, or its id leads elsewhere', async () => {
    const findings = await find({
      policyDefinitionId: `${SUBSCRIPTION}/providers/Microsoft.Authorization/policySetDefinitions/gone`,
    });
    expect(findings).toEqual(['warning not-checked 00000000-0000-4000-8000-000000000001 (Azure Policy)']);

    const [odd] = await deployed.find('azure-policy', {
      plant: assignPolicy({ policyDefinitionId: '/evil/providers/Microsoft.Authorization/policySetDefinitions/x' }),
    });
    expect(odd).toMatchObject({ code: 'not-checked', message: expect.stringContaining('not the id of an initiative') });

    const id = defineInitiative({ policyDefinitionId: 7 });
    const [unclear] = await deployed.find('azure-policy', { plant: assignPolicy({ policyDefinitionId: id }) });
    expect(unclear).toMatchObject({ code: 'not-checked' });

    const [nothing] = await deployed.find('azure-policy', { plant: assignPolicy({ displayName: 'of nothing' }) });
    expect(nothing).toMatchObject({ code: 'not-checked' });
  });
});
