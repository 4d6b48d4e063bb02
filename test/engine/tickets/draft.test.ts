import { describe, expect, it } from 'vitest';
import { draftOf } from '../../../src/engine/tickets/draft.ts';
import { without } from '../../../src/engine/tickets/ticket-columns.ts';
import { policies } from '../../../src/policy/catalogue.ts';
import { remediations, trackers } from '../../../src/remediations/catalogue.ts';
import type { Ticket } from '../../../src/tickets/ticket.ts';
import type { Block } from '../../../src/tickets/ticket-system.ts';
import { openTicket } from './ticket-samples.ts';

const ARM = 'https://management.azure.com';

function draft(ticket: Ticket, armEndpoint = ARM) {
  return draftOf({ policies, remediations, trackers, settings: { armEndpoint } }, ticket);
}

/** The ticket of a missed reboot, as its tracker writes it. */
function reboots(change: Partial<Ticket> = {}): Ticket {
  return openTicket({ remediationId: 'aks-track-node-reboots', ...change });
}

function texts(blocks: readonly Block[]): readonly string[] {
  return blocks.flatMap((block): readonly string[] => {
    switch (block.kind) {
      case 'heading':
      case 'text':
        return [block.text];
      case 'list':
        return block.items;
      case 'commands':
        return block.lines;
      case 'facts':
        return block.rows.map(([label, value]) => `${label}: ${value}`);
      case 'link':
        return [block.url];
    }
  });
}

describe('what a ticket says', () => {
  it('begins with what to do, then says what was found, since when, how it ends, and its key', () => {
    const { body, severity, title } = draft(reboots());
    const lines = texts(body);

    expect({ severity, title }).toEqual({ severity: reboots().severity, title: reboots().title });
    expect(lines[0]).toMatch(/^Reboot the nodes of agent pool system/);
    expect(lines.filter((line) => /^(What to do|What was found|How this ends)$/.test(line))).toEqual([
      'What to do',
      'What was found',
      'How this ends',
    ]);
    expect(lines).toEqual(
      expect.arrayContaining([
        'Part: system',
        'Policy: aks-node-reboot-completed',
        'Confidence: certain',
        `First seen: ${reboots().firstSeenAt}`,
        'Last changed by (object id): somebody',
        'found: node-a, node-b',
        'node-a: needs a reboot',
      ]),
    );
    expect(lines.at(-1)).toBe(`Ticket key: ${reboots().key}`);
  });

  it('names every item as long as there is room, and says how many more there are', () => {
    const lines = texts(draft(reboots({ itemCount: 7 })).body);

    expect(lines).toContain('and 5 more');
    const since = [{ name: 'node-a', id: 'uid', detail: 'needs a reboot', since: '2026-11-19T10:00:00Z' }];
    expect(texts(draft(reboots({ items: since, itemCount: 1 })).body)).toContain(
      'node-a: needs a reboot (since 2026-11-19T10:00:00Z)',
    );
  });

  it('leaves out what there is not', () => {
    const bare = reboots({ items: [], itemCount: 0, evidence: '{}', discriminator: '' });
    const { confidence: _confidence, actor: _actor, ...rest } = without(bare, 'remoteUrl');
    const { body } = draft(rest);
    const lines = texts(body);

    expect(lines.some((line) => /^(Part|Confidence|Last changed by)/.test(line))).toBe(false);
    expect(body.filter(({ kind }) => kind === 'list')).toEqual([]);
  });

  it('says why, where there are words for it', () => {
    expect(texts(draft(reboots({ because: 'these sign in with it' })).body)).toContain('these sign in with it');
  });

  it.each([
    [ARM, 'https://portal.azure.com/#resource/subscriptions/'],
    ['https://management.usgovcloudapi.net', 'https://portal.azure.us/#resource/subscriptions/'],
    ['https://management.chinacloudapi.cn', 'https://portal.azure.cn/#resource/subscriptions/'],
    ['https://localhost:4711', 'https://portal.azure.com/#resource/subscriptions/'],
  ])('of %s leads to the portal of that cloud', (armEndpoint, begin) => {
    const link = draft(reboots(), armEndpoint).body.find(({ kind }) => kind === 'link');

    expect(link).toMatchObject({ url: expect.stringContaining(begin) });
  });

  it('has an address that no bracket in the name of a group ends', () => {
    const resourceId = reboots().resourceId.replace('rg-aks-prod', 'rg-(old)-prod');
    const link = draft(reboots({ resourceId })).body.find(({ kind }) => kind === 'link');

    expect(link).toMatchObject({ url: expect.stringContaining('/resourceGroups/rg-%28old%29-prod/') });
  });

  it('tells how to exempt it, with nothing to be run before it is filled in', () => {
    const lines = texts(draft(reboots()).body);
    const command = lines.find((line) => line.startsWith('az tag update'));

    expect(command).toContain('dockwarden-exempt-aks-node-reboot-completed=');
    expect(command).toContain(':?');
  });

  it('tells how to exempt a key, whose tags are not those of Azure Resource Manager', () => {
    const resourceId =
      '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg1/providers/Microsoft.KeyVault/vaults/kv-shop/keys/disks';
    const policyId = 'kv-key-not-near-expiry';
    const lines = texts(
      draft(openTicket({ resourceId, policyId, remediationId: 'kv-rotate-key', discriminator: '' })).body,
    );

    expect(lines.some((line) => line.startsWith('az tag update'))).toBe(false);
    expect(lines.find((line) => line.includes(`dockwarden-exempt-${policyId}`))).toMatch(
      /^az keyvault key set-attributes .*--vault-name 'kv-shop' --name 'disks' --tags /,
    );
    expect(lines.join(' ')).toContain('because the command replaces them');
  });

  it('of a remediation that may not act is its advice', () => {
    const ticket = reboots({
      policyId: 'acr-admin-user-disabled',
      remediationId: 'acr-disable-admin-user',
      discriminator: '',
      resourceId:
        '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/contosoacr',
      evidence: '{"adminUserEnabled":true}',
    });

    expect(texts(draft(ticket).body).join('\n')).toContain('az acr update');
  });
});

describe('what a ticket about an alert says', () => {
  const ticket = reboots({
    policyId: 'aks-alerts-closed',
    remediationId: 'aks-track-alerts',
    discriminator: 'alert-1',
    isCertain: true,
    items: [],
    itemCount: 0,
    evidence: JSON.stringify({ alertType: 'K8S_ExposedDashboard', description: 'What happened.' }),
  });

  it('is how to look into it, what Defender says, and that it ends in Defender', () => {
    const lines = texts(draft(ticket).body);

    expect(lines[0]).toMatch(/^Look into the alert/);
    expect(lines).toContain('description: What happened.');
    expect(lines.find((line) => line.startsWith('az monitor activity-log list'))).toContain(ticket.resourceId);
    expect(lines.join('\n')).toContain('closes by itself when the alert is resolved or dismissed');
    expect(lines.join('\n')).not.toContain('two checks in a row');
  });
});

describe('what a ticket says without a resource, or without anybody who knows what to do', () => {
  it.each([
    ['breaker-open', "dockwarden breaker reset 'remediation/x'", 'when the breaker lets changes pass again'],
    ['breaker-cap', 'Find out who changed so many resources', 'when the breaker lets changes pass again'],
    ['many-waiting', 'dockwarden tickets list', 'when two checks in a row prove'],
  ])('%s', (reason, advice, end) => {
    const { body } = draft(reboots({ resourceId: 'remediation/x', policyId: 'dockwarden-breaker', reason }));
    const lines = texts(body).join('\n');

    expect(lines).toContain(advice);
    expect(lines).toContain(end);
    expect(lines).toContain('Resource: remediation/x');
    expect(body.filter(({ kind }) => kind === 'link')).toEqual([]);
    expect(lines).not.toContain('az tag update');
  });

  it('a remediation that this version does not know', () => {
    expect(texts(draft(reboots({ remediationId: 'gone' })).body)).toContain('dockwarden tickets list');
  });

  it('evidence that somebody has damaged reads as nothing', () => {
    expect(texts(draft(reboots({ evidence: '{' })).body).join('\n')).not.toContain('found:');
  });
});
