import { findKeyUsers, setKeyRotationPolicy } from '../../azure/key-vault.ts';
import { kvKeyRotationEnabled } from '../../policy/key-vault/key-rotation-enabled.ts';
import { RotationPolicy } from '../../resources/key-vault.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import { type AdviceStep, shellQuote } from '../advice.ts';
import { defineRemediation } from '../define-remediation.ts';
import { adviseOnReversal, isReversal } from '../reversal-advice.ts';
import { adviseOnKey, keyOptions, listKeyUsers } from './key-advice.ts';
import { addressOf, checkKey } from './key-preflight.ts';
import { addRotation, isSamePolicy, POLICY_PATHS, policyOf } from './rotation-policy.ts';

export const kvSetKeyRotationPolicy = defineRemediation({
  id: 'kv-set-key-rotation-policy',
  title: 'Let the key of the vault rotate automatically',
  fixes: kvKeyRotationEnabled,
  impact:
    'Azure makes a new version of the key 18 months after each creation, which costs its price, and every new version expires: after 2 years, unless the policy already names a longer time. Whoever uses one version does not follow; every old version has to stay enabled until what it encrypts is written again.',
  uses: { findKeyUsers, setKeyRotationPolicy },
  touches: () => POLICY_PATHS,
  async preflight({ target, resource, ops }) {
    return await checkKey({ target, resource, ops }, { needsUsers: true });
  },
  async fix({ target, resource, ops }) {
    await ops.setKeyRotationPolicy(...addressOf(target, resource), addRotation(resource.properties.rotationPolicy));
  },
  /** One that was never set cannot be unset: its place takes what Azure does without one. */
  async undo({ target, resource, ops, before }) {
    await ops.setKeyRotationPolicy(...addressOf(target, resource), policyOf(before));
  },
  isRestored: isSamePolicy,
  advise({ target, reason }) {
    if (isReversal(reason)) return adviseOnReversal(target, 'the rotation policy of the key');
    const byHand = setPolicy(target);
    return (
      adviseOnKey(target, reason, byHand) ?? {
        summary: 'Make sure that whoever uses the key follows to new versions, then let it rotate.',
        steps: [listKeyUsers(target), byHand],
      }
    );
  },
});

function setPolicy(target: ResourceId): AdviceStep {
  const { expiresIn, lifetimeActions } = addRotation(RotationPolicy.parse({}));
  const value = {
    lifetimeActions: lifetimeActions.map(({ action, ...trigger }) => ({ trigger, action: { type: action } })),
    attributes: { expiryTime: expiresIn },
  };
  const options = keyOptions(target);
  return {
    text: 'See the rotation policy of the key, and put one in its place that rotates. Old versions have to stay enabled until what they encrypt is written again.',
    commands: [
      `az keyvault key rotation-policy show ${options}`,
      `az keyvault key rotation-policy update ${options} --value ${shellQuote(JSON.stringify(value))} --output none`,
    ],
  };
}
