import { findKeyUsers, rotateKey } from '../../azure/key-vault.ts';
import { kvKeyNotNearExpiry } from '../../policy/key-vault/key-not-near-expiry.ts';
import type { VaultKey } from '../../resources/key-vault.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import { type AdviceStep, shellQuote } from '../advice.ts';
import { defineRemediation, type Preflight } from '../define-remediation.ts';
import { adviseOnReversal, isReversal } from '../reversal-advice.ts';
import { adviseOnKey, keyOptions, listKeyUsers } from './key-advice.ts';
import { addressOf, checkKey } from './key-preflight.ts';
import { daysIn } from './rotation-policy.ts';

/** A new version has to be left in peace at least this long, in days: else it would be rotated again and again. */
const MIN_PEACE = 7;

export const kvRotateKey = defineRemediation({
  id: 'kv-rotate-key',
  title: 'Make a new version of the key of the vault',
  fixes: kvKeyNotNearExpiry,
  impact:
    'What follows the key encrypts with the new version from now on, and each version costs its price. The old version stays as it is and still expires: what is encrypted with it has to be written again until then.',
  uses: { findKeyUsers, rotateKey },
  touches: () => [],
  async preflight({ target, resource, parameters, ops }) {
    return checkLifetime(resource, parameters.warningDays) ?? (await checkKey({ target, resource, ops }, NO_USERS));
  },
  async fix({ target, resource, ops }) {
    await ops.rotateKey(...addressOf(target, resource));
  },
  irreversible:
    'Versions of a key cannot be unmade, and the old one must stay enabled until every data key that it wraps is wrapped again.',
  advise({ target, reason }) {
    if (isReversal(reason)) return adviseOnReversal(target, 'the expiry date of the key');
    if (reason === 'expiry-too-short') {
      return {
        summary: 'Let new versions of the key live longer, or be warned later, then rotate it.',
        steps: [
          {
            text: 'See how long the rotation policy lets new versions live (`expiryTime`), and lengthen it there; or shorten `KV_KEY_EXPIRY_WARNING_DAYS`.',
            commands: [`az keyvault key rotation-policy show ${keyOptions(target)}`],
          },
          rotate(target),
        ],
      };
    }
    return (
      adviseOnKey(target, reason, rotate(target)) ?? {
        summary: 'Make sure that whoever uses the key follows to new versions, then rotate it before it expires.',
        steps: [listKeyUsers(target), rotate(target)],
      }
    );
  },
});

/** Nobody known to use it is no reason to let a key expire. */
const NO_USERS = { needsUsers: false };

function checkLifetime({ properties }: VaultKey, warningDays: number): Preflight | undefined {
  const { expiryTime } = properties.rotationPolicy.attributes;
  if (expiryTime === undefined || (daysIn(expiryTime) ?? 0) >= warningDays + MIN_PEACE) return undefined;
  const because = `by its rotation policy a new version would expire after ${expiryTime.slice(0, 40)}, and soon be due again`;
  return { go: false, reason: 'expiry-too-short', because };
}

function rotate(target: ResourceId): AdviceStep {
  const options = keyOptions(target);
  return {
    text: 'Rotate the key. Leave the old version enabled until what it encrypts is written again; one that has expired already can be prolonged with `--expires` and `--version` for that time. Without a rotation policy the new version has no expiry date.',
    commands: [
      `az keyvault key rotate ${options} --output none`,
      `az keyvault key list-versions ${options} --query ${shellQuote('[].[kid,attributes.expires,attributes.enabled]')} --output tsv`,
    ],
  };
}
