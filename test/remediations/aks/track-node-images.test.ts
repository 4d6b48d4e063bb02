import { describe, expect, it } from 'vitest';
import type { AdviceContext } from '../../../src/remediations/advice.ts';
import { aksTrackNodeImages } from '../../../src/remediations/aks/track-node-images.ts';
import { aksTrackWindowsNodeImages } from '../../../src/remediations/aks/track-windows-node-images.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { linesOf, runCommands } from '../run-commands.ts';

const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
const target = parseResourceId(
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-aks/providers/Microsoft.ContainerService/managedClusters/aks-prod`,
);
const named = ['--subscription', SUBSCRIPTION, '--resource-group', 'rg-aks', '--name', 'aks-prod'];
const inCluster = ['--subscription', SUBSCRIPTION, '--resource-group', 'rg-aks', '--cluster-name', 'aks-prod'];

function contextOf(part: string): AdviceContext {
  return { target, part, evidence: {}, items: [] };
}

describe.each([
  ['Linux', aksTrackNodeImages, /SecurityPatch/],
  ['Windows', aksTrackWindowsNodeImages, /kured does not run/],
] as const)('a ticket about overdue images of %s nodes', (_system, tracker, prevention) => {
  it('compares the images, upgrades them, and tells how it does not come back', () => {
    const advice = tracker.advise(contextOf('win1'));

    expect(advice.summary).toBe('Upgrade the node image of agent pool win1.');
    expect(advice.steps.at(-1)?.text).toMatch(prevention);
    expect(runCommands(linesOf(advice)).calls).toEqual([
      [
        'az',
        'aks',
        'nodepool',
        'show',
        ...inCluster,
        '--name',
        'win1',
        '--query',
        'nodeImageVersion',
        '--output',
        'tsv',
      ],
      [
        'az',
        'aks',
        'nodepool',
        'get-upgrades',
        ...inCluster,
        '--nodepool-name',
        'win1',
        '--query',
        'latestNodeImageVersion',
        '--output',
        'tsv',
      ],
      ['az', 'aks', 'nodepool', 'upgrade', ...inCluster, '--name', 'win1', '--node-image-only'],
      [
        'az',
        'monitor',
        'activity-log',
        'list',
        '--resource-id',
        target.id,
        '--offset',
        '7d',
        '--status',
        'Failed',
        '--output',
        'table',
      ],
      ['kubectl', 'get', 'poddisruptionbudgets', '--all-namespaces'],
      ['az', 'aks', 'update', ...named, '--node-os-upgrade-channel', 'NodeImage'],
    ]);
  });

  it('is about all pools when none is named', () => {
    const { calls } = runCommands(linesOf(tracker.advise(contextOf(''))));

    expect(calls.map((words) => words.slice(0, 4).join(' '))).toEqual([
      'az aks nodepool list',
      'az aks upgrade --subscription',
      'az monitor activity-log list',
      'kubectl get poddisruptionbudgets --all-namespaces',
      'az aks update --subscription',
    ]);
    expect(calls[1]).toEqual(['az', 'aks', 'upgrade', ...named, '--node-image-only']);
  });
});
