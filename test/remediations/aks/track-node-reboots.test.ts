import { describe, expect, it } from 'vitest';
import type { PartItem } from '../../../src/policy/define-policy.ts';
import { aksTrackNodeReboots } from '../../../src/remediations/aks/track-node-reboots.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { INSTANCE, linesOf, runCommands } from '../run-commands.ts';

const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
const target = parseResourceId(
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-aks/providers/Microsoft.ContainerService/managedClusters/aks-prod`,
);
const cluster = ['--subscription', SUBSCRIPTION, '--resource-group', 'rg-aks'];

function adviceFor(names: readonly string[], part = 'system') {
  const items = names.map((name, index): PartItem => ({ name, id: `uid-${index}`, detail: 'waits for a reboot' }));
  return aksTrackNodeReboots.advise({ target, part, evidence: {}, items });
}

const NODE = 'aks-system-25481572-vmss000007';
const OTHER = 'aks-system-25481572-vmss000008';

describe('a ticket about nodes that miss a reboot', () => {
  it('says for each of them how to drain it, restart its machine and let it take pods again', () => {
    const { calls, errors } = runCommands(linesOf(adviceFor([NODE, OTHER])));

    expect(errors).toBe('');
    expect(calls).toEqual([
      ['az', 'aks', 'get-credentials', ...cluster, '--name', 'aks-prod', '--file', expect.stringMatching(/./)],
      ['az', 'aks', 'show', ...cluster, '--name', 'aks-prod', '--query', 'nodeResourceGroup', '--output', 'tsv'],
      ...[NODE, OTHER].flatMap((node) => [
        ['kubectl', 'get', 'node', node, '--output', 'jsonpath={.spec.providerID}'],
        ['kubectl', 'cordon', node],
        ['kubectl', 'drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=30m'],
        [
          'az',
          'vmss',
          'restart',
          '--subscription',
          SUBSCRIPTION,
          '--resource-group',
          INSTANCE.nodeGroup,
          '--name',
          INSTANCE.scaleSet,
          '--instance-ids',
          INSTANCE.id,
        ],
        ['kubectl', 'wait', '--for=condition=Ready', `node/${node}`, '--timeout=15m'],
        ['kubectl', 'uncordon', node],
      ]),
      ['kubectl', 'get', 'poddisruptionbudgets', '--all-namespaces'],
      [
        'az',
        'aks',
        'nodepool',
        'upgrade',
        ...cluster,
        '--cluster-name',
        'aks-prod',
        '--name',
        'system',
        '--node-image-only',
      ],
    ]);
  });

  it('does not restart a node that could not be drained', () => {
    const { calls } = runCommands(linesOf(adviceFor([NODE])), { DRAIN_STATUS: '1' });

    expect(calls.map((words) => words.slice(0, 3).join(' '))).not.toContain('az vmss restart');
    expect(calls.some((words) => words.includes('uncordon'))).toBe(false);
  });

  it('begins with what to do first, and names the pool', () => {
    expect(adviceFor([NODE]).summary).toMatch(/^Reboot the nodes of agent pool system .* one after the other/);
    expect(adviceFor([NODE], '').summary).toMatch(/^Reboot the nodes of the cluster /);
  });

  it('names each node in words, once', () => {
    const texts = adviceFor([NODE, OTHER]).steps.map(({ text }) => text);

    expect(texts.filter((text) => text.includes(NODE))).toHaveLength(1);
    expect(texts.filter((text) => text.includes(OTHER))).toHaveLength(1);
  });

  it('spells out ten nodes, and tells how to find the others', () => {
    const names = Array.from({ length: 12 }, (_, index) => `aks-user-1-vmss0000${index}`);
    const { calls } = runCommands(linesOf(adviceFor(names, 'user')));

    expect(calls.filter((words) => words.includes('cordon')).map(([, , name]) => name)).toEqual(names.slice(0, 10));
    expect(calls).toContainEqual([
      'kubectl',
      'get',
      'nodes',
      '--selector',
      'kubernetes.azure.com/agentpool=user',
      '--output',
      'wide',
    ]);
  });

  it.each(['--all', '-lkey=value', 'A', 'a b', 'a/b', '', 'a-', 'a'.repeat(254), "a'b", 'a\nb'])(
    'gives no command for %j, which is no name of a node',
    (name) => {
      const advice = adviceFor([NODE, name]);
      const { calls } = runCommands(linesOf(advice));

      expect(calls.filter((words) => words.includes('cordon'))).toEqual([['kubectl', 'cordon', NODE]]);
      expect(advice.steps.map(({ text }) => text).join(' ')).toContain('not known or not valid');
    },
  );

  it('tells how to find the nodes when none is named, and looks at all of them when no pool is', () => {
    const { calls } = runCommands(linesOf(adviceFor([], '')));

    expect(calls).toContainEqual(['kubectl', 'get', 'nodes', '--output', 'wide']);
    expect(calls).toContainEqual(['az', 'aks', 'upgrade', ...cluster, '--name', 'aks-prod', '--node-image-only']);
  });
});
