import type * as z from 'zod';
import { DockwardenError } from '../../errors.ts';
import type { DoctorContext } from '../check.ts';

/** What is about to be deployed. */
export interface BeforeDeployContext extends DoctorContext {
  /** GUID of the subscription that is deployed to. */
  readonly subscriptionId: string;
  /** As it was given: `westeurope` or `West Europe`. */
  readonly location: string;
  /** Parameter `environmentName` of the template. */
  readonly environmentName: string;
}

/** The api-version of every question, pinned. */
export const deployVersions = {
  subscriptions: '2022-12-01',
  resources: '2022-09-01',
  // With these two the tools of Azure Functions ask for the same.
  geoRegions: '2023-01-01',
  functionAppStacks: '2020-10-01',
  eventGrid: '2025-02-15',
  permissions: '2022-04-01',
} as const;

export function subscriptionPath({ subscriptionId }: Pick<BeforeDeployContext, 'subscriptionId'>): string {
  return `/subscriptions/${subscriptionId}`;
}

/** `West Europe` and `westeurope` are the same place. */
export function foldLocation(location: string): string {
  return location.replaceAll(/\s+/g, '').toLowerCase();
}

/** The resource groups that the template makes: one for the app, one for what is to outlive it. */
export function groupNames(environmentName: string): readonly [app: string, records: string] {
  return [`rg-${environmentName}`, `rg-${environmentName}-records`];
}

/** Tag by which azd and the template know what belongs to an environment. */
export const ENVIRONMENT_TAG = 'azd-env-name';

/** The environment that something belongs to; undefined = none. Names of tags compare without regard to case. */
export function ownerIn(tags: Readonly<Record<string, string>> = {}): string | undefined {
  return Object.entries(tags).find(([name]) => name.toLowerCase() === ENVIRONMENT_TAG)?.[1];
}

/** An answer as the type says; in another form it is an error of its own, because nothing can be told from it. */
export function readAnswer<T extends z.ZodType>(type: T, answer: unknown, what: string): z.output<T> {
  const { data, success } = type.safeParse(answer);
  if (success) return data;
  throw new DockwardenError('AZURE_TRANSIENT', `the answer about ${what} is not as it should be`);
}
