import type { Json, JsonObject } from '../json.ts';
import type { RawResource } from '../resource-store.ts';

export const DEFINITION_TYPE = 'Microsoft.Authorization/policyDefinitions';
export const SET_TYPE = 'Microsoft.Authorization/policySetDefinitions';

/** A definition that every tenant has. */
interface BuiltIn {
  readonly guid: string;
  /** What it is about. Words of ours: nobody goes by the display name. */
  readonly about: string;
  /** The effect it is written with; with `others` the default of its parameter `effect`. */
  readonly effect: string;
  /** What else the parameter `effect` accepts; absent = the effect is fixed. */
  readonly others?: readonly string[];
  /** The role that its assignment's identity needs in order to fix something. */
  readonly role?: string;
  readonly mode?: string;
  /** Parameters that an assignment has to give. */
  readonly needs?: readonly string[];
}

const CONTRIBUTOR = 'b24988ac-6180-42a0-ab88-20f7382dd24c';
/** Azure Kubernetes Service Contributor Role. */
const AKS_CONTRIBUTOR = 'ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8';
const KEY_VAULT_CONTRIBUTOR = 'f25e0fa2-a7c8-4377-a976-54943a77a395';

const modify = (guid: string, about: string, role = CONTRIBUTOR): BuiltIn => ({
  guid,
  about,
  effect: 'Modify',
  others: ['Disabled'],
  role,
});
const deploy = (guid: string, about: string, role = AKS_CONTRIBUTOR): BuiltIn => ({
  guid,
  about,
  effect: 'DeployIfNotExists',
  others: ['Disabled'],
  role,
});

/** Those of Azure Policy that check or fix a control of ours or one next to it, as far as we know them. */
const BUILT_INS: readonly BuiltIn[] = [
  modify('79fdfe03-ffcb-4e55-b4d0-b925b8241759', 'registries: turn the admin user off'),
  modify('cced2946-b08a-44fe-9fd9-e4ed8a779897', 'registries: turn anonymous pull off'),
  modify('a3701552-92ea-433e-9d17-33b7f1208fc9', 'registries: turn public network access off'),
  modify('785596ed-054f-41bc-aaec-7f3d0ba05725', 'registries: turn tokens of the ARM audience off'),
  modify('a9b426fe-8856-4945-8600-18c5dd1cca2a', 'registries: turn repository tokens off'),
  deploy('d85c6833-7d33-4cf5-a915-aaa2de84405f', 'registries: deploy a private endpoint', CONTRIBUTOR),
  deploy('36a27de4-199b-40fb-b336-945a8475d6c5', 'clusters: set the admin group'),
  deploy('40f1aee2-4db4-4b74-acb1-c6972e24cca8', 'clusters: set the upgrade channel of the node OS'),
  deploy('1b708b0a-3380-40e9-8b79-821f9fa224cc', 'clusters: turn command invoke off'),
  deploy('7e49285c-4bed-4564-b26a-5225ccc311f3', 'clusters: turn the image cleaner on'),
  deploy('e1352e44-d34d-4e4d-a22e-451a15f759a1', 'clusters: set planned maintenance'),
  deploy('a8eff44f-8c92-45c3-a3fb-9880802d67a7', 'clusters: deploy the Azure Policy add-on'),
  modify('ac673a9a-f77d-4846-b2d8-a57f8e1c01dc', 'vaults: turn the firewall on', KEY_VAULT_CONTRIBUTOR),
  {
    guid: '4f9dc7db-30c1-420c-b61a-e1d640128d26',
    about: 'resources: add a tag',
    effect: 'modify',
    role: CONTRIBUTOR,
    mode: 'Indexed',
    needs: ['tagName', 'tagValue'],
  },
  {
    guid: '871b6d14-10aa-478d-b590-94f262ecfa99',
    about: 'resources: require a tag',
    effect: 'deny',
    mode: 'Indexed',
    needs: ['tagName'],
  },
  {
    guid: 'dc921057-6b28-4fbe-9b83-f7bec05db6c2',
    about: 'registries: the admin user is off',
    effect: 'Audit',
    others: ['Deny', 'Disabled'],
  },
  {
    guid: '04408ca5-aa10-42ce-8536-98955cdddd4c',
    about: 'clusters: the node OS is upgraded by itself',
    effect: 'Audit',
    others: ['Disabled'],
  },
  {
    guid: '090c7b07-b4ed-4561-ad20-e9075f3ccaff',
    about: 'registries: images have no open vulnerabilities',
    effect: 'AuditIfNotExists',
    others: ['Disabled'],
  },
  {
    guid: 'd8cf8476-a2ec-4916-896e-992351803c44',
    about: 'keys: rotation is scheduled',
    effect: 'Audit',
    others: ['Disabled'],
    mode: 'Microsoft.KeyVault.Data',
    needs: ['maximumDaysToRotate'],
  },
  {
    guid: '5ff38825-c5d8-47c5-b70e-069a21955146',
    about: 'keys: none expires soon',
    effect: 'Audit',
    others: ['Deny', 'Disabled'],
    mode: 'Microsoft.KeyVault.Data',
    needs: ['minimumDaysBeforeExpiration'],
  },
];

/** Id of a built-in definition: it belongs to the tenant. */
export function builtInId(guid: string): string {
  return `/providers/${DEFINITION_TYPE}/${guid}`;
}

/** The built-in definitions as ARM answers them. */
export const builtInDefinitions: readonly RawResource[] = BUILT_INS.map((builtIn) => ({
  id: builtInId(builtIn.guid),
  name: builtIn.guid,
  type: DEFINITION_TYPE,
  properties: toProperties(builtIn),
}));

function toProperties({ about, effect, others, role, mode = 'All', needs = [] }: BuiltIn): JsonObject {
  const parameters: Record<string, Json> = Object.fromEntries(needs.map((name) => [name, { type: 'String' }]));
  if (others !== undefined)
    parameters['effect'] = { type: 'String', allowedValues: [effect, ...others], defaultValue: effect };
  const roleIds = [`/providers/Microsoft.Authorization/roleDefinitions/${role ?? ''}`];
  return {
    displayName: about,
    policyType: 'BuiltIn',
    mode,
    description: about,
    metadata: { version: '1.0.0' },
    version: '1.0.0',
    versions: ['1.0.0'],
    parameters,
    policyRule: {
      if: { field: 'type', exists: true },
      // oxlint-disable-next-line unicorn/no-thenable -- the language of policies calls it so
      then: {
        effect: others === undefined ? effect : "[parameters('effect')]",
        ...(role === undefined ? {} : { details: { roleDefinitionIds: roleIds } }),
      },
    },
  };
}
