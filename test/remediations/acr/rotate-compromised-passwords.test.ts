import { describe, expect, it } from 'vitest';
import { registry } from '../../../src/policy/acr/registry-example.ts';
import { acrRotateCompromisedPasswords } from '../../../src/remediations/acr/rotate-compromised-passwords.ts';
import { ContainerRegistry } from '../../../src/resources/container-registry.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { recordOps } from '../recorded-ops.ts';
import { linesOf, runCommands } from '../run-commands.ts';

const resource = ContainerRegistry.parse(registry({ adminUserEnabled: true }));
const target = parseResourceId(resource.id);
const violation = { target, resource, evidence: { alertId: 'alert-1' }, parameters: {} };

describe('acr-rotate-compromised-passwords', () => {
  it('renews both passwords before it disables the user that they belong to', async () => {
    const { ops, calls } = recordOps(acrRotateCompromisedPasswords);

    await acrRotateCompromisedPasswords.fix({ ...violation, ops });

    expect(calls).toEqual([
      ['regeneratePassword', target, 'password'],
      ['regeneratePassword', target, 'password2'],
      ['updateRegistry', target, { adminUserEnabled: false }],
    ]);
  });

  it('disables nothing when a password cannot be renewed', async () => {
    const { ops, calls } = recordOps(acrRotateCompromisedPasswords, { regeneratePassword: new Error('refused') });

    await expect(acrRotateCompromisedPasswords.fix({ ...violation, ops })).rejects.toThrow('refused');

    expect(calls.map(([name]) => name)).toEqual(['regeneratePassword']);
  });

  it('asks nobody first, and brings nothing back that was stolen', () => {
    expect(acrRotateCompromisedPasswords).not.toHaveProperty('preflight');
    expect(acrRotateCompromisedPasswords).not.toHaveProperty('undo');
    expect(acrRotateCompromisedPasswords.touches(violation)).toEqual(['/properties/adminUserEnabled']);
    expect(acrRotateCompromisedPasswords.renews?.map(({ id }) => id)).toEqual(['acr-second-password-fresh']);
  });

  it('tells a person to do the same by hand, and to print no password', () => {
    const about = { target, part: '', evidence: violation.evidence, items: [], reason: 'mode-approve' };
    const advice = acrRotateCompromisedPasswords.advise(about);
    const { calls } = runCommands(linesOf(advice));

    expect(calls.map((words) => words.slice(0, 4).join(' '))).toEqual([
      'az acr credential renew',
      'az acr credential renew',
      'az acr update --subscription',
    ]);
    for (const words of calls) expect(words.slice(-2)).toEqual(['--output', 'none']);
  });

  it.each(['war-with-writer', 'war-with-many'])('finds out first who reverses it: %s', (reason) => {
    const about = { target, part: '', evidence: violation.evidence, items: [], reason };

    expect(linesOf(acrRotateCompromisedPasswords.advise(about)).join('\n')).toContain('az monitor activity-log list');
  });
});
