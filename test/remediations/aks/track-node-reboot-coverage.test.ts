import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../../src/policy/define-policy.ts';
import { COVERAGE_REASONS } from '../../../src/policy/node-health/detection.ts';
import { coverageAdvice, NODE_READER_ROLE } from '../../../src/remediations/aks/coverage-advice.ts';
import { aksTrackNodeRebootCoverage } from '../../../src/remediations/aks/track-node-reboot-coverage.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { linesOf, runCommands } from '../run-commands.ts';

const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
const target = parseResourceId(
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-aks/providers/Microsoft.ContainerService/managedClusters/aks-prod`,
);
const named = ['--subscription', SUBSCRIPTION, '--resource-group', 'rg-aks', '--name', 'aks-prod'];

function adviceFor(evidence: Evidence) {
  return aksTrackNodeRebootCoverage.advise({ target, part: '', evidence, items: [] });
}

function callsFor(evidence: Evidence): readonly (readonly string[])[] {
  const { calls, errors } = runCommands(linesOf(adviceFor(evidence)));
  expect(errors).toBe('');
  return calls;
}

const inKured = ['kubectl', '--namespace', 'kured'];
const release = ['kubectl', ...inKured.slice(1), 'get', 'daemonset', 'my-release-kured', '--output'];
/** The one call that mends it, by reason. */
const mends: readonly (readonly [reason: string, call: readonly string[]])[] = [
  ['not-entra-integrated', ['az', 'aks', 'update', ...named, '--enable-aad', '--enable-azure-rbac']],
  [
    'no-permission',
    [
      'az',
      'role',
      'assignment',
      'create',
      '--assignee-object-id',
      'given DOCKWARDEN_PRINCIPAL_ID',
      '--assignee-principal-type',
      'ServicePrincipal',
      '--role',
      NODE_READER_ROLE,
      '--scope',
      target.id,
    ],
  ],
  [
    'no-permission',
    [
      'kubectl',
      'create',
      'clusterrolebinding',
      'dockwarden-node-reader',
      '--clusterrole=dockwarden-node-reader',
      '--user=given DOCKWARDEN_PRINCIPAL_ID',
    ],
  ],
  ['unauthorized', ['az', 'aks', 'show', ...named, '--query', 'aadProfile.tenantId', '--output', 'tsv']],
  ['unreachable', ['az', 'aks', 'update', ...named, '--api-server-authorized-ip-ranges', 'given RANGES']],
  ['refused', ['az', 'aks', 'show', ...named, '--query', '{fqdn:fqdn,privateFqdn:privateFqdn}']],
  ['unreadable-answer', ['kubectl', 'get', '--raw', '/readyz']],
  ['channel-none', ['az', 'aks', 'update', ...named, '--node-os-upgrade-channel', 'NodeImage']],
  [
    'kured-absent',
    [
      'helm',
      'upgrade',
      '--install',
      'kured',
      'kured',
      '--repo',
      'https://kubereboot.github.io/charts',
      '--namespace',
      'kured',
      '--create-namespace',
      '--set',
      'configuration.annotateNodes=true',
    ],
  ],
  ['kured-not-ready', [...inKured, 'describe', 'daemonset', 'my-release-kured']],
  ['kured-silent', [...inKured, 'set', 'env', 'daemonset/my-release-kured', 'KURED_ANNOTATE_NODES=true']],
  ['kured-silent', upgradeOf('configuration.annotateNodes=true')],
  ['metric-incomplete', upgradeOf('configuration.annotateNodes=true')],
  ['kured-not-on-all-nodes', upgradeOf('tolerations[0].operator=Exists')],
  [
    'kured-not-on-all-nodes',
    [
      ...inKured,
      'patch',
      'daemonset',
      'my-release-kured',
      '--type',
      'merge',
      '--patch',
      '{"spec":{"template":{"spec":{"tolerations":[{"operator":"Exists"}]}}}}',
    ],
  ],
  ['annotation-stale', ['kubectl', 'annotate', 'node', 'given NODE', 'weave.works/kured-reboot-in-progress-']],
  ...['lock-manual', 'lock-holder-gone', 'lock-held-too-long', 'lock-unreadable'].map(
    (reason) =>
      [reason, [...inKured, 'annotate', 'daemonset', 'my-release-kured', 'weave.works/kured-node-lock-']] as const,
  ),
  ['lock-held-too-long', upgradeOf('configuration.lockTtl=4h')],
];

function upgradeOf(value: string): readonly string[] {
  return [
    'helm',
    'upgrade',
    'my-release',
    'kured',
    '--repo',
    'https://kubereboot.github.io/charts',
    '--namespace',
    'kured',
    '--reuse-values',
    '--set',
    value,
  ];
}

describe('a ticket about reboots that are not seen or not done', () => {
  it.each(mends)('tells for %s to type %j', (reason, call) => {
    expect(callsFor({ reasons: reason })).toContainEqual(call);
  });

  it('knows what to do about every reason there is', () => {
    expect(new Set(mends.map(([reason]) => reason))).toEqual(new Set(COVERAGE_REASONS));
    for (const [reason, { summary }] of Object.entries(coverageAdvice)) {
      expect(adviceFor({ reasons: reason }).summary).toBe(summary);
      expect(summary).toMatch(/^[A-Z][^.]{20,200}\.$/);
    }
  });

  it('looks for kured before it needs its names, and signs in before that, once', () => {
    const calls = callsFor({ reasons: 'lock-manual, kured-silent, kured-not-ready' });

    expect(calls[0]).toEqual(['az', 'aks', 'get-credentials', ...named, '--file', expect.stringMatching(/./)]);
    expect(calls[1]?.slice(0, 4)).toEqual(['kubectl', 'get', 'daemonsets', '--all-namespaces']);
    expect(calls.filter((words) => words.includes('get-credentials'))).toHaveLength(1);
    expect(calls.filter((words) => words.includes('daemonsets'))).toHaveLength(1);
  });

  it('needs no access to the cluster where that is what is missing', () => {
    const calls = callsFor({ reasons: 'not-entra-integrated' });

    expect(calls.map(([program]) => program)).toEqual(['az', 'az']);
    expect(calls.flat()).not.toContain('get-credentials');
  });

  it('begins with the reason that hides the others, and says of each what it is', () => {
    const { summary, steps } = adviceFor({ reasons: 'lock-manual, channel-none, no-permission' });
    const texts = steps.map(({ text }) => text);

    expect(summary).toBe(coverageAdvice['no-permission']?.summary);
    expect(texts).toContain(coverageAdvice['channel-none']?.summary);
    expect(texts).toContain(coverageAdvice['lock-manual']?.summary);
  });

  it('goes by the list of reasons, and not by what is said about them', () => {
    const evidence = { reasons: 'no-permission', 'no-permission': 'unreachable, kured-absent', other: 'channel-none' };

    expect(adviceFor(evidence)).toEqual(adviceFor({ reasons: 'no-permission' }));
    expect(adviceFor({ reasons: 'kured-absently' }).summary).toMatch(/^Find out why pending reboots/);
  });

  it('tells how to look when it knows no reason', () => {
    for (const evidence of [{}, { reasons: 'constructor' }, { reasons: '__proto__' }, { reasons: null }]) {
      expect(callsFor(evidence).map((words) => words.slice(0, 3))).toEqual([
        ['az', 'aks', 'get-credentials'],
        ['kubectl', 'get', 'daemonsets'],
      ]);
    }
  });

  it('asks the DaemonSet itself for its release', () => {
    expect(callsFor({ reasons: 'kured-silent' })).toContainEqual([
      ...release,
      String.raw`jsonpath={.metadata.annotations.meta\.helm\.sh/release-name}`,
    ]);
  });
});
