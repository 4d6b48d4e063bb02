import type { JsonObject } from '../azure/json.ts';
import type { RawResource } from '../azure/resource-store.ts';
import { sampleClusters } from '../azure/sample-clusters.ts';
import { SAMPLE_GROUPS, SAMPLE_SUBSCRIPTION_ID } from '../azure/sample-ids.ts';
import { sampleContainerGroups, sampleRegistries } from '../azure/sample-registries.ts';
import { createSampleSubscription } from '../azure/sample-subscription.ts';
import type { Seed } from '../azure/simulator.ts';
import { type Random, shuffle } from './random.ts';

/** Why a violation of this resource is not to be fixed; `ordinary` = it is. */
export type Nature = 'ordinary' | 'locked' | 'in-use' | 'exempt' | 'value-not-allowed';

/** One resource that is changed during the run. */
export interface Member {
  readonly id: string;
  readonly kind: 'registry' | 'cluster';
  readonly nature: Nature;
}

/** What the simulated Azure holds, and which of it is changed. */
export interface Estate {
  readonly seed: Seed;
  readonly members: readonly Member[];
}

const REGISTRY = 'Microsoft.ContainerRegistry/registries';
const CLUSTER = 'Microsoft.ContainerService/managedClusters';
const DAY = 86_400_000;
/** One in so many registries and clusters has one of the reasons not to be fixed; every reason stands at least once. */
const SPECIAL_SHARE = 200;
const EXEMPTION = 'dockwarden-exempt-aks-required-tags-present';

/** Half registries, half clusters, all of them compliant. */
export function createEstate(random: Random, count: number, now: Date): Estate {
  const special = Math.max(1, Math.round(count / SPECIAL_SHARE));
  const natures: readonly Nature[] = [
    ...repeat<Nature>('locked', special),
    ...repeat<Nature>('in-use', special),
    ...repeat<Nature>('exempt', special),
    ...repeat<Nature>('value-not-allowed', special),
  ];
  const plain = Math.max(0, count - natures.length);
  const members = [
    ...natures.map((nature, index) => toMember(index, nature)),
    ...Array.from({ length: plain }, (_, index) => toMember(natures.length + index, 'ordinary')),
  ];
  const inUse = members.filter(({ nature }) => nature === 'in-use');
  return {
    members: shuffle(random, members),
    seed: {
      ...createSampleSubscription(),
      resources: [...members.map((member) => toResource(random, member, now)), ...inUse.map(toUser)],
      locks: members
        .filter(({ nature }) => nature === 'locked')
        .map(({ id }) => ({ scope: id, name: 'hold', level: 'ReadOnly' as const })),
    },
  };
}

function repeat<T>(item: T, times: number): T[] {
  return Array.from({ length: times }, () => item);
}

function toMember(index: number, nature: Nature): Member {
  const isRegistry = nature === 'ordinary' ? index % 2 === 0 : nature === 'locked' || nature === 'in-use';
  const group = index % 3 === 0 ? SAMPLE_GROUPS.production : SAMPLE_GROUPS.development;
  const [type, name] = isRegistry ? [REGISTRY, `chaosacr${index}`] : [CLUSTER, `chaos-aks-${index}`];
  const id = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/${group}/providers/${type}/${name}`;
  return { id, kind: isRegistry ? 'registry' : 'cluster', nature };
}

/** The sample's resources as models: what they look like is not the point here. */
function toResource(random: Random, member: Member, now: Date): RawResource {
  const { id, kind, nature } = member;
  const name = nameOf(member);
  const [registry, cluster] = [sampleRegistries()[1], sampleClusters()[1]];
  if (registry === undefined || cluster === undefined) throw new Error('the sample has no models');
  if (kind === 'cluster') {
    const exemption = { [EXEMPTION]: `${new Date(now.getTime() + 30 * DAY).toISOString().slice(0, 10)};chaos;CHG-1` };
    const tags = { owner: 'platform-team', costCenter: 'CC-1042', env: 'dev', ...(nature === 'exempt' && exemption) };
    return { ...cluster, id, name, type: CLUSTER, tags };
  }
  // Young enough that the age of the passwords is no matter, or so old that it is one as long as the admin user is on.
  const ageDays = nature === 'in-use' || random() < 0.3 ? 400 : 20;
  const properties: JsonObject = {
    ...registry.properties,
    adminUserEnabled: false,
    loginServer: `${name}.azurecr.io`,
    creationDate: new Date(now.getTime() - ageDays * DAY).toISOString(),
  };
  return { ...registry, id, name, type: REGISTRY, properties };
}

/** A container group that signs in to the registry with its admin user. */
function toUser(member: Member): RawResource {
  const [model] = sampleContainerGroups();
  if (model === undefined) throw new Error('the sample has no container group');
  const name = nameOf(member);
  const credential = { server: `${name}.azurecr.io`, username: name };
  return {
    ...model,
    id: model.id.replace(model.name, `${name}-user`),
    name: `${name}-user`,
    properties: { ...model.properties, imageRegistryCredentials: [credential] },
  };
}

function nameOf({ id }: Member): string {
  return id.split('/').at(-1) ?? '';
}
