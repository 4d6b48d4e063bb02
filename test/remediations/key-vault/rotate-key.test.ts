import { describe, expect, it } from 'vitest';
import { key } from '../../../src/policy/key-vault/key-example.ts';
import { kvRotateKey } from '../../../src/remediations/key-vault/rotate-key.ts';
import { VaultKey } from '../../../src/resources/key-vault.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { recordOps } from '../recorded-ops.ts';
import { linesOf, runCommands } from '../run-commands.ts';

const evidence = { expires: '2026-12-01T12:00:00.000Z', isExpired: false, warningDays: 30 };

function violationOf(properties: Readonly<Record<string, unknown>> = {}, warningDays = 30) {
  const resource = VaultKey.parse({ ...key(properties), tags: { 'dockwarden-key-rotation': 'on' } });
  return { target: parseResourceId(resource.id), resource, evidence, parameters: { warningDays } };
}

const violation = violationOf();
const { target } = violation;
const lifetime = (expiryTime: unknown) => ({ rotationPolicy: { attributes: { expiryTime }, lifetimeActions: [] } });

async function ask(subject: typeof violation, users: unknown = []) {
  const { ops } = recordOps(kvRotateKey, { findKeyUsers: users });
  return await kvRotateKey.preflight?.({ ...subject, ops });
}

describe('before it acts', () => {
  it('needs nobody who is known to use the key, but nobody who would not follow', async () => {
    expect(await ask(violation)).toEqual({ go: true });
    expect(await ask(violation, [{ id: '/one', isPinned: false }])).toEqual({ go: true });
    expect(await ask(violation, [{ id: '/one', isPinned: true }])).toMatchObject({ reason: 'pinned-users-found' });
  });

  it('asks the owner', async () => {
    const resource = { ...violation.resource, tags: {} };

    expect(await ask({ ...violation, resource })).toMatchObject({ go: false, reason: 'not-opted-in' });
  });

  it.each([
    ['P37D', 30, true],
    ['P36D', 30, false],
    ['P90D', 365, false],
    ['for a while', 30, false],
    [undefined, 30, true],
  ])('makes no version that lives %s while %i days count as soon', async (expiryTime, warningDays, goes) => {
    const preflight = await ask(violationOf(lifetime(expiryTime), warningDays));

    expect(preflight).toMatchObject(goes ? { go: true } : { go: false, reason: 'expiry-too-short' });
  });
});

describe('kv-rotate-key', () => {
  it('makes a new version, touches no property, and says why that cannot be taken back', async () => {
    const { ops, calls } = recordOps(kvRotateKey);

    await kvRotateKey.fix({ ...violation, ops });

    expect(calls).toEqual([['rotateKey', 'https://contoso-kv.vault.azure.net', 'data']]);
    expect(kvRotateKey.touches(violation)).toEqual([]);
    expect(kvRotateKey.undo).toBeUndefined();
    expect(kvRotateKey.irreversible).toMatch(/cannot be unmade.*stay enabled/);
  });

  it('tells a person to rotate it by hand, after what is in the way', () => {
    const options = ['--subscription', target.subscriptionId, '--vault-name', 'contoso-kv', '--name', 'data'];
    const callsFor = (reason: string) =>
      runCommands(linesOf(kvRotateKey.advise({ target, part: '', evidence, items: [], reason }))).calls;

    for (const reason of ['not-opted-in', 'pinned-users-found', 'dependants-unreadable', 'expiry-too-short', 'x']) {
      expect(callsFor(reason).at(-2)).toEqual(['az', 'keyvault', 'key', 'rotate', ...options, '--output', 'none']);
    }
    expect(callsFor('expiry-too-short')[0]).toEqual(['az', 'keyvault', 'key', 'rotation-policy', 'show', ...options]);
    expect(callsFor('war-with-writer').map(([program]) => program)).toContain('dockwarden');
  });
});
