import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { deriveEventFilters, type PolicyFilter } from '../../scripts/generated/event-filters.ts';
import { parseEvent } from '../../src/events/parse-events.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { isPlainObject } from '../../src/resources/lenient.ts';
import { resourceTypes } from '../../src/resources/resource-map.ts';
import { listSettings } from '../../src/settings/catalogue.ts';

const fixtures = fileURLToPath(new URL('../fixtures/events/', import.meta.url));
const GROUP = '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-1/providers';
const REGISTRY = `${GROUP}/Microsoft.ContainerRegistry/registries/contosoacr`;

/** What the template makes of the needs of some policies (`infra/events/filters.bicep`). */
function join(filters: readonly PolicyFilter[]) {
  return {
    prefixes: [...new Set(filters.flatMap(({ operationPrefixes }) => operationPrefixes))],
    types: [...new Set(filters.flatMap(({ eventTypes }) => Object.values(eventTypes).flat()))],
  };
}

/** Event Grid compares without regard to case, and has two schemas for the same. */
function passes(event: unknown, { prefixes, types }: ReturnType<typeof join>): boolean {
  if (!isPlainObject(event)) return false;
  const type = lower(event['eventType'] ?? event['type']);
  if (!types.some((each) => each.toLowerCase() === type.trim())) return false;
  if (!type.startsWith('microsoft.resources.')) return true;
  const operation = isPlainObject(event['data']) ? lower(event['data']['operationName']) : '';
  return prefixes.some((prefix) => operation.startsWith(prefix.toLowerCase()));
}

function lower(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase() : '';
}

function isActedUpon(event: unknown): boolean {
  return parseEvent(event, { actorNames: false, isImageWatched: true })?.result === 'cause';
}

const events = readdirSync(fixtures)
  .filter((name) => /\.(?:eventgrid|cloudevents)\.json$/.test(name))
  .flatMap((name) => {
    const parsed: unknown = JSON.parse(readFileSync(`${fixtures}${name}`, 'utf8'));
    return [parsed].flat().map((event) => ({ name, event }));
  });
const derived = deriveEventFilters(policies);
const all = join(Object.values(derived));

describe('the generated filters', () => {
  it('let everything through that the app acts upon, but for what has a topic that policies do not choose', () => {
    const lost = events.filter(({ event }) => isActedUpon(event) && !passes(event, all)).map(({ name }) => name);

    // Events about compliance have a topic and a filter of their own in the template; notifications of resources are the same
    // changes once more, and of Kubernetes versions no policy judges.
    const elsewhere = /^(?:policy-state|resource-notification|cluster-support|kubernetes-version|image-.*-bare)/;
    expect(lost.filter((name) => !elsewhere.test(name))).toEqual([]);
    expect(events.filter(({ event }) => isActedUpon(event) && passes(event, all)).length).toBeGreaterThan(15);
  });

  it('keep back what is of no interest', () => {
    const noise = events.filter(({ name }) => /^(?:arm-storage|blob-created|arm-registry-write-failure)/.test(name));

    expect(noise.length).toBeGreaterThan(2);
    expect(noise.filter(({ event }) => passes(event, all))).toEqual([]);
  });

  it('hold no value without which the same events would pass', () => {
    for (const prefix of all.prefixes) {
      const isCovered = resourceTypes.some((type) => prefix.toLowerCase().startsWith(type.toLowerCase()));
      const event = {
        id: 'e-1',
        eventType: 'Microsoft.Resources.ResourceWriteSuccess',
        topic: REGISTRY,
        subject: isCovered ? `${GROUP}/${prefix}one` : REGISTRY,
        eventTime: '2026-05-22T07:19:23Z',
        data: { resourceUri: isCovered ? `${GROUP}/${prefix}one` : REGISTRY, operationName: `${prefix}write` },
      };
      const without = { ...all, prefixes: all.prefixes.filter((each) => each !== prefix) };
      expect(`${prefix} ${isActedUpon(event)} ${passes(event, all)} ${passes(event, without)}`).toBe(
        `${prefix} true true false`,
      );
    }
  });

  it('lose the prefix of a type when all of its policies are off', () => {
    for (const type of resourceTypes.filter((each) => each.split('/').length === 2)) {
      const others = policies.filter(({ resource }) => !resource.startsWith(type));
      const { prefixes } = join(others.flatMap(({ id }) => derived[id] ?? []));

      expect(prefixes.length).toBeGreaterThan(2);
      expect(prefixes).not.toContain(`${type}/`);
      expect(all.prefixes).toContain(`${type}/`);
    }
  });

  it('hold 25 values at most, which is all that Event Grid takes', () => {
    expect(all.prefixes.length).toBeGreaterThan(4);
    expect(all.prefixes.length).toBeLessThanOrEqual(25);
  });

  it('go by the settings that switch the policies', () => {
    const names = listSettings({ policies, remediations }).map(({ name }) => name);

    expect(Object.keys(derived)).toEqual(policies.map(({ id }) => id));
    for (const { setting } of Object.values(derived)) expect(names).toContain(setting);
  });
});
