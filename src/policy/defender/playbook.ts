import type { DefenderAlert } from '../../resources/defender.ts';
import type { ResourceType } from '../../resources/resource-map.ts';

/**
 * What an alert leads to besides a ticket, which there always is. `re-evaluate`: every policy judges the resource at once, and what had failed or
 * waits for its time is tried now · `credentials-compromised`: the passwords of the registry count as stolen.
 */
export type PlaybookResponse = 're-evaluate' | 'credentials-compromised';

export interface PlaybookEntry {
  /** Beginning of the alert types that it is about, whatever their casing; new types of a family are covered before anybody has heard of them. */
  readonly prefix: string;
  /** Only alerts with this intent of MITRE ATT&CK. */
  readonly intent?: string;
  /** Only alerts about resources of this type. */
  readonly resource?: ResourceType;
  readonly responses: readonly PlaybookResponse[];
  /** Why, for people. */
  readonly because: string;
}

/** Passwords of a registry. */
const stolen = {
  resource: 'Microsoft.ContainerRegistry/registries',
  responses: ['re-evaluate', 'credentials-compromised'],
} as const satisfies Partial<PlaybookEntry>;

/**
 * The first entry that fits decides. Nothing here loosens or stops anything: responses that tighten a cluster are those of its policies, each of them
 * opt-in by the mode of its own remediation.
 */
export const playbook: readonly PlaybookEntry[] = [
  {
    prefix: '',
    intent: 'CredentialAccess',
    ...stolen,
    because:
      'Defender says that credentials were the aim, and those of a registry are two passwords that everybody shares.',
  },
  ...['ARM_MicroBurst.', 'RM_MicroBurst.', 'ARM_PowerZure.', 'ARM_NetSPI.'].map((prefix) => ({
    prefix,
    ...stolen,
    because: 'A toolkit that collects credentials was run against the subscription, and touched the registry.',
  })),
  {
    prefix: 'ARM_AnomalousOperation.CredentialAccess',
    ...stolen,
    because: 'Somebody who does not usually do so has read credentials of the registry.',
  },
  {
    prefix: 'ARM_AnomalousServiceOperation.CredentialAccess',
    ...stolen,
    because: 'An application that does not usually do so has read credentials of the registry.',
  },
  {
    prefix: 'ACR_',
    ...stolen,
    because: 'No alert of registries themselves is known at this time; one that appears is taken seriously.',
  },
];

/** What every other alert leads to, new kinds included. */
export const otherwise: PlaybookEntry = {
  prefix: '',
  responses: ['re-evaluate'],
  because: 'Whoever got in may have changed the resource.',
};

/** What is to be done about an alert on a resource of this type. */
export function respondTo(
  { intent, type }: Pick<DefenderAlert, 'intent' | 'type'>,
  resource: ResourceType,
): PlaybookEntry {
  const intents = intent.split(',').map((one) => one.trim().toLowerCase());
  const entry = playbook.find(
    (known) =>
      type.toLowerCase().startsWith(known.prefix.toLowerCase()) &&
      (known.intent === undefined || intents.includes(known.intent.toLowerCase())) &&
      (known.resource === undefined || known.resource === resource),
  );
  return entry ?? otherwise;
}
