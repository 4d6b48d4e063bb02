import { describe, expect, it } from 'vitest';
import type { PartItem } from '../../../src/policy/define-policy.ts';
import { aciTrackAlerts } from '../../../src/remediations/aci/track-alerts.ts';
import { acrTrackAlerts } from '../../../src/remediations/acr/track-alerts.ts';
import { acrTrackImageVulnerabilities } from '../../../src/remediations/acr/track-image-vulnerabilities.ts';
import { aksTrackAlerts } from '../../../src/remediations/aks/track-alerts.ts';
import { kvTrackAlerts } from '../../../src/remediations/key-vault/track-alerts.ts';
import { parseResourceId } from '../../../src/resources/resource-id.ts';
import { linesOf, runCommands } from '../run-commands.ts';

const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
const PROVIDERS = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/providers`;
const registry = parseResourceId(`${PROVIDERS}/Microsoft.ContainerRegistry/registries/contosoacr`);

function token(name: string): PartItem {
  return { name, id: name, detail: 'a token' };
}

function tell(items: readonly PartItem[]) {
  const advice = acrTrackAlerts.advise({ target: registry, part: 'alert-1', evidence: {}, items });
  return { ...advice, ...runCommands(linesOf(advice)) };
}

describe('a ticket about an alert', () => {
  it.each([
    [acrTrackAlerts, 'Microsoft.ContainerRegistry/registries/contosoacr'],
    [aksTrackAlerts, 'Microsoft.ContainerService/managedClusters/aks-prod'],
    [aciTrackAlerts, 'Microsoft.ContainerInstance/containerGroups/jobs'],
    [kvTrackAlerts, 'Microsoft.KeyVault/vaults/contoso-kv'],
  ])('$id shows who did what with the resource, and says how it ends', (tracker, place) => {
    const target = parseResourceId(`${PROVIDERS}/${place}`);
    const advice = tracker.advise({ target, part: 'alert-1', evidence: {}, items: [] });

    expect(runCommands(linesOf(advice)).calls).toEqual([
      ['az', 'monitor', 'activity-log', 'list', '--resource-id', target.id, '--offset', '7d', '--output', 'table'],
    ]);
    expect(advice.steps).toHaveLength(2);
    expect(advice.steps.at(-1)?.text).toMatch(/resolve the alert in Defender/);
  });

  it('says for each token of the registry how its password is renewed', () => {
    const { calls, steps } = tell([token('ci'), token('build-2')]);

    expect(steps).toHaveLength(3);
    expect(calls.slice(1)).toEqual(
      ['ci', 'build-2'].map((name) => [
        'az',
        'acr',
        'token',
        'credential',
        'generate',
        '--subscription',
        SUBSCRIPTION,
        '--registry',
        'contosoacr',
        '--name',
        name,
        '--password1',
      ]),
    );
  });

  it.each(["x'; touch pwned; '", '$(touch pwned)', '`touch pwned`', 'a\ntouch pwned', 'x && touch pwned', '"x" "y"'])(
    'runs nothing of a token that is called %j',
    (name) => {
      const { calls, errors, files } = tell([token(name)]);

      expect([errors, files]).toEqual(['', []]);
      expect(calls).toHaveLength(2);
      expect(calls[1]).toHaveLength(12);
      expect(calls[1]?.[10]).toBe(name.replaceAll('\n', '\uFFFD'));
    },
  );

  it('shows no more of a name than a name has', () => {
    expect(tell([token('x'.repeat(5000))]).calls[1]?.[10]).toBe('x'.repeat(100));
  });
});

describe('a ticket about vulnerable images', () => {
  it('lists what was found in which image', () => {
    const advice = acrTrackImageVulnerabilities.advise({ target: registry, part: '', evidence: {}, items: [] });
    const [call = [], ...others] = runCommands(linesOf(advice)).calls;

    expect(others).toEqual([]);
    expect(call.slice(0, 8)).toEqual([
      'az',
      'security',
      'sub-assessment',
      'list',
      '--assessed-resource-id',
      registry.id,
      '--assessment-name',
      'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5',
    ]);
    expect(call[9]).toMatch(/^\[\?status\.code=='Unhealthy'\]\.\{image:/);
  });
});
