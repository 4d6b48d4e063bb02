import { describe, expect, it } from 'vitest';
import { DockwardenError } from '../../../src/errors.ts';
import { key } from '../../../src/policy/key-vault/key-example.ts';
import { kvSetKeyRotationPolicy } from '../../../src/remediations/key-vault/set-key-rotation-policy.ts';
import { VaultKey } from '../../../src/resources/key-vault.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { recordOps } from '../recorded-ops.ts';
import { linesOf, runCommands } from '../run-commands.ts';

const OPTED_IN = { tags: { 'Dockwarden-Key-Rotation': 'On ' } };
const VAULT = 'https://contoso-kv.vault.azure.net';

function violationOf(properties: Readonly<Record<string, unknown>> = {}, body: object = OPTED_IN) {
  const resource = VaultKey.parse({ ...key({ rotationPolicy: undefined, ...properties }), ...body });
  return { target: parseResourceId(resource.id), resource, evidence: { rotates: false }, parameters: {} };
}

const violation = violationOf();
const { target } = violation;
const context = { target, part: '', evidence: violation.evidence, items: [] };
const user = (id: string, isPinned = false) => ({ id, isPinned });

async function ask(subject: typeof violation, users: unknown) {
  const { ops, calls } = recordOps(kvSetKeyRotationPolicy, { findKeyUsers: users });
  return { preflight: await kvSetKeyRotationPolicy.preflight?.({ ...subject, ops }), calls };
}

describe('before it acts', () => {
  it('lets a key through whose owner agrees and whose users all follow', async () => {
    const { preflight, calls } = await ask(violation, [user('/one'), user('/two')]);

    expect(preflight).toEqual({ go: true });
    expect(calls).toEqual([['findKeyUsers', target, `${VAULT}/keys/data`]]);
  });

  it.each([{}, { tags: null }, { tags: { 'dockwarden-key-rotation': 'off' } }, { tags: { 'key-rotation': 'on' } }])(
    'asks nobody about a key whose owner has not agreed: %j',
    async (body) => {
      const { preflight, calls } = await ask(violationOf({}, body), [user('/one')]);

      expect(preflight).toMatchObject({ go: false, reason: 'not-opted-in' });
      expect(calls).toEqual([]);
    },
  );

  it('names who would not follow', async () => {
    const { preflight } = await ask(violation, [user('/one'), user('/two', true), user('/three', true)]);

    expect(preflight).toMatchObject({
      go: false,
      reason: 'pinned-users-found',
      because: expect.stringMatching(/: \/two, \/three$/),
    });
  });

  it('does not act for users that nobody knows', async () => {
    expect((await ask(violation, [])).preflight).toMatchObject({ go: false, reason: 'no-known-users' });
  });

  it('cannot look for users of a key without an address', async () => {
    const { preflight } = await ask(violationOf({ keyUri: undefined }), [user('/one')]);

    expect(preflight).toMatchObject({ go: false, reason: 'dependants-unreadable' });
  });

  it('hands on what keeps it from looking', async () => {
    await expect(ask(violation, new DockwardenError('AZURE_TRANSIENT', 'later'))).rejects.toThrow('later');
  });
});

describe('kv-set-key-rotation-policy', () => {
  it('sets a policy that rotates, and says which paths that touches', async () => {
    const { ops, calls } = recordOps(kvSetKeyRotationPolicy);

    await kvSetKeyRotationPolicy.fix({ ...violation, ops });

    expect(calls).toEqual([
      [
        'setKeyRotationPolicy',
        VAULT,
        'data',
        {
          expiresIn: 'P2Y',
          lifetimeActions: [
            { action: 'Rotate', timeAfterCreate: 'P18M' },
            { action: 'Notify', timeBeforeExpiry: 'P30D' },
          ],
        },
      ],
    ]);
    expect(kvSetKeyRotationPolicy.touches(violation)).toEqual([
      '/properties/rotationPolicy/lifetimeActions',
      '/properties/rotationPolicy/attributes/expiryTime',
    ]);
  });

  it.each([undefined, 'no address'])('plans a call that no client makes for a key at %j', async (keyUri) => {
    const { ops, calls } = recordOps(kvSetKeyRotationPolicy);

    await kvSetKeyRotationPolicy.fix({ ...violationOf({ keyUri }), ops });

    expect(calls[0]?.slice(0, 3)).toEqual(['setKeyRotationPolicy', '', 'data']);
  });

  it('puts back what was there before', async () => {
    const { ops, calls } = recordOps(kvSetKeyRotationPolicy);
    const before = {
      '/properties/rotationPolicy/lifetimeActions': [
        { trigger: { timeBeforeExpiry: 'P20D' }, action: { type: 'notify' } },
      ],
      '/properties/rotationPolicy/attributes/expiryTime': 'P1Y',
    };

    await kvSetKeyRotationPolicy.undo?.({ target, resource: violation.resource, ops, before, after: {} });
    await kvSetKeyRotationPolicy.undo?.({ target, ops, before: {}, after: {} });

    expect(calls).toEqual([
      [
        'setKeyRotationPolicy',
        VAULT,
        'data',
        { expiresIn: 'P1Y', lifetimeActions: [{ action: 'Notify', timeBeforeExpiry: 'P20D' }] },
      ],
      ['setKeyRotationPolicy', '', 'data', { lifetimeActions: [{ action: 'Notify', timeBeforeExpiry: 'P30D' }] }],
    ]);
  });
});

const callsFor = (reason: string) => runCommands(linesOf(kvSetKeyRotationPolicy.advise({ ...context, reason }))).calls;

const startsFor = (reason: string) => callsFor(reason).map((words) => words.slice(1, 4).join(' '));

describe('what a person is told', () => {
  const options = ['--subscription', target.subscriptionId, '--vault-name', 'contoso-kv', '--name', 'data'];

  it('ends with the policy, set by hand', () => {
    for (const reason of ['not-opted-in', 'pinned-users-found', 'no-known-users', 'dependants-unreadable', 'x']) {
      const last = callsFor(reason).at(-1) ?? [];
      expect(last.slice(1, 11)).toEqual(['keyvault', 'key', 'rotation-policy', 'update', ...options]);
      expect(JSON.parse(last[12] ?? '')).toEqual({
        lifetimeActions: [
          { trigger: { timeAfterCreate: 'P18M' }, action: { type: 'Rotate' } },
          { trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'Notify' } },
        ],
        attributes: { expiryTime: 'P2Y' },
      });
    }
  });

  it('names the tag when the owner has not agreed', () => {
    expect(callsFor('not-opted-in')).toContainEqual([
      'az',
      'keyvault',
      'key',
      'set-attributes',
      ...options,
      '--tags',
      'dockwarden-key-rotation=on',
      '--output',
      'none',
    ]);
  });

  it('says how to find the users, and how to let them follow', () => {
    const lists = ['acr list --subscription', 'disk-encryption-set list --subscription', 'aks list --subscription'];

    expect(startsFor('dependants-unreadable').slice(0, 3)).toEqual(lists);
    expect(startsFor('no-known-users')).toEqual(expect.arrayContaining([...lists, 'keyvault key set-attributes']));
    expect(startsFor('pinned-users-found')).toEqual([
      ...lists,
      'disk-encryption-set update --subscription',
      'acr encryption rotate-key',
      'keyvault key rotation-policy',
      'keyvault key rotation-policy',
    ]);
    expect(startsFor('anything else').slice(0, 3)).toEqual(lists);
  });

  it('is to find who keeps reversing it', () => {
    const advice = kvSetKeyRotationPolicy.advise({ ...context, reason: 'war-with-many' });

    expect(advice.summary).toMatch(/^Find who keeps changing it back.*rotation policy of the key/);
  });
});
