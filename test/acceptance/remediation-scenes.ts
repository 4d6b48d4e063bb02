import { sampleId } from '../../local/azure/sample-subscription.ts';
import { ENFORCING, type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';
import { keyScenes } from './key-scenes.ts';

/** A remediation at work on one resource of the sample, with the calls that it makes. */
export interface Scene {
  readonly remediationId: string;
  readonly policyId: string;
  readonly resourceId: string;
  /** Its calls in order, first read to read-back, as the request log of the simulated Azure shows them. */
  readonly calls: readonly SceneCall[];
  /** Settings under which only this remediation acts. */
  readonly environment: Readonly<Record<string, string>>;
  /** Brings the resource into violation and raises the event of the operator who did it. */
  violate(engine: EngineHarness): void;
  /** Is the resource as the policy wants it? A rotation shows in no property: see `passwordsOf`. */
  isFixed(engine: EngineHarness): boolean;
}

export interface SceneCall {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** End of the path. */
  readonly path: RegExp;
  /** Matching requests before this one. */
  readonly skip: number;
  readonly kind: 'read' | 'exemption' | 'preflight' | 'fix-read' | 'write' | 'verify';
}

export function sceneCall(scene: Scene, name: string): SceneCall {
  const found = scene.calls.find((call) => call.name === name);
  if (found === undefined) throw new Error(`no call ${name} in ${scene.remediationId}`);
  return found;
}

/** An engine in which only the scene's remediation acts. */
export async function startScene(scene: Scene, options: EngineHarnessOptions = {}): Promise<EngineHarness> {
  return await startEngine({ environment: { ...ENFORCING, ...scene.environment }, ...options });
}

const REGISTRY = /\/registries\/\w+$/i;
const GROUP = /\/resourceGroups\/[\w-]+$/i;
const POLICY_EXEMPTIONS = /\/policyExemptions$/;
const CLUSTER = /\/managedClusters\/[\w-]+$/i;
const TAGS = /\/tags\/default$/;

const ADMIN_ON = { properties: { adminUserEnabled: true } };

export const disableAdminUser: Scene = {
  remediationId: 'acr-disable-admin-user',
  policyId: 'acr-admin-user-disabled',
  resourceId: sampleId('contosoacr'),
  calls: [
    { name: 'first read', method: 'GET', path: REGISTRY, skip: 0, kind: 'read' },
    { name: 'tags of the group', method: 'GET', path: GROUP, skip: 0, kind: 'exemption' },
    { name: 'exemptions of Azure Policy', method: 'GET', path: POLICY_EXEMPTIONS, skip: 0, kind: 'exemption' },
    { name: 'container groups', method: 'GET', path: /\/containerGroups$/, skip: 0, kind: 'preflight' },
    { name: 'container apps', method: 'GET', path: /\/containerApps$/, skip: 0, kind: 'preflight' },
    { name: 'rotate password', method: 'POST', path: /\/regenerateCredential$/, skip: 0, kind: 'write' },
    { name: 'rotate password2', method: 'POST', path: /\/regenerateCredential$/, skip: 1, kind: 'write' },
    { name: 'switch off', method: 'PATCH', path: REGISTRY, skip: 0, kind: 'write' },
    { name: 'read-back', method: 'GET', path: REGISTRY, skip: 1, kind: 'verify' },
  ],
  environment: { POLICY_ACR_SECOND_PASSWORD_FRESH: 'off' },
  violate({ simulator }) {
    simulator.as('operator').patch(this.resourceId, ADMIN_ON);
  },
  isFixed({ simulator }) {
    return simulator.state.get(this.resourceId)?.properties?.['adminUserEnabled'] === false;
  },
};

export const rotateSecondPassword: Scene = {
  remediationId: 'acr-rotate-second-password',
  policyId: 'acr-second-password-fresh',
  resourceId: sampleId('contosoacr'),
  calls: [
    { name: 'first read', method: 'GET', path: REGISTRY, skip: 0, kind: 'read' },
    { name: 'tags of the group', method: 'GET', path: GROUP, skip: 0, kind: 'exemption' },
    { name: 'rotate password2', method: 'POST', path: /\/regenerateCredential$/, skip: 0, kind: 'write' },
    { name: 'read-back', method: 'GET', path: REGISTRY, skip: 1, kind: 'verify' },
  ],
  environment: { POLICY_ACR_ADMIN_USER_DISABLED: 'off' },
  violate({ simulator }) {
    simulator.as('operator').patch(this.resourceId, ADMIN_ON);
  },
  isFixed({ simulator }) {
    return simulator.state.get(this.resourceId)?.properties?.['adminUserEnabled'] === true;
  },
};

export const addRequiredTags: Scene = {
  remediationId: 'aks-add-required-tags',
  policyId: 'aks-required-tags-present',
  resourceId: sampleId('aks-prod'),
  calls: [
    { name: 'first read', method: 'GET', path: CLUSTER, skip: 0, kind: 'read' },
    { name: 'tags of the group', method: 'GET', path: GROUP, skip: 0, kind: 'exemption' },
    { name: 'present tags', method: 'GET', path: TAGS, skip: 0, kind: 'fix-read' },
    { name: 'merge tags', method: 'PATCH', path: TAGS, skip: 0, kind: 'write' },
    { name: 'read-back', method: 'GET', path: CLUSTER, skip: 1, kind: 'verify' },
  ],
  environment: {},
  violate({ simulator }) {
    simulator.as('operator').patch(this.resourceId, { tags: { env: 'prod' } });
  },
  isFixed({ simulator }) {
    const tags = simulator.state.get(this.resourceId)?.tags ?? {};
    return tags['costCenter'] === '4711' && tags['owner'] === 'platform-team' && tags['env'] === 'prod';
  },
};

export const scenes: readonly Scene[] = [disableAdminUser, rotateSecondPassword, addRequiredTags];

/** Remediations whose resources no write of ARM brings into violation: suites of their own put them to the same tests. */
export const scenesElsewhere: readonly Pick<Scene, 'remediationId' | 'policyId'>[] = [
  // `defender-alerts.test.ts`: an alert brings it about.
  { remediationId: 'acr-rotate-compromised-passwords', policyId: 'acr-credentials-not-compromised' },
  // `keys.test.ts`: keys are made in their vault.
  ...keyScenes,
];

/** Every remediation that is put to the test, here or elsewhere, by id. */
export function listTested(): readonly string[] {
  return [...scenes, ...scenesElsewhere].map(({ remediationId }) => remediationId).toSorted();
}
