import * as z from 'zod';

const text = () => z.string();

/** How severe Microsoft Defender for Cloud calls an alert. */
export const alertSeverities = ['High', 'Medium', 'Low', 'Informational'] as const;

/**
 * An alert of Microsoft Defender for Cloud about one resource, cut down to what people need: no entities, which hold addresses and names of
 * accounts. Every text comes from outside and may have been shaped by an attacker: whoever shows it, escapes it.
 */
export const DefenderAlert = z.object({
  /** `SystemAlertId`: unique, and the key by which the same alert is known again. */
  id: text(),
  /** `AlertType`, for example `ARM_AnomalousOperation.CredentialAccess`; new ones appear without notice. */
  type: text(),
  severity: z.enum(alertSeverities),
  title: text(),
  description: text(),
  /** Intents of MITRE ATT&CK, for example `CredentialAccess`. */
  intent: text(),
  /** What Microsoft advises. */
  steps: text(),
  /** Addresses on https, the one of the alert in the portal first, separated by blanks. */
  links: text(),
  /** Object ids of the accounts that it names, separated by blanks; no names. */
  accounts: z.exactOptional(text()),
  /** When Defender raised it, and when it last changed, ISO 8601. */
  raisedAt: z.iso.datetime(),
  changedAt: z.iso.datetime(),
  /**
   * When Dockwarden first heard that it is active, ISO 8601; anew each time that it is active again after it was closed. What Defender says of
   * time proves nothing about what came after.
   */
  receivedAt: z.iso.datetime(),
  /** `closed`: resolved or dismissed there. */
  status: z.enum(['active', 'closed']),
  /** It was closed before, or what was stored of it could not be read: its first cause is known, and would lead to no look. */
  isReopened: z.exactOptional(z.literal(true)),
});
export type DefenderAlert = Readonly<z.infer<typeof DefenderAlert>>;

/** Most alerts of one resource that are remembered. */
export const MAX_ALERTS = 200;
/** A closed one is remembered this long, so that its ticket learns of it, and one that nobody closes longer than it counts. */
const CLOSED_FOR = 14 * 24 * 3_600_000;
const KEPT_FOR = 100 * 24 * 3_600_000;

/** Need nobody remember it any more? */
export function isOver({ changedAt, raisedAt, status }: DefenderAlert, now: Date): boolean {
  if (status === 'closed') return now.getTime() - Date.parse(changedAt) > CLOSED_FOR;
  return now.getTime() - Date.parse(raisedAt) > KEPT_FOR;
}

/** Something that somebody did with the resource, as an event told it. */
export const KnownChange = z.object({
  time: z.iso.datetime(),
  operation: text(),
  /** Object id and client application of whoever did it. */
  actor: z.exactOptional(text()),
  application: z.exactOptional(text()),
  correlationId: z.exactOptional(text()),
});
export type KnownChange = Readonly<z.infer<typeof KnownChange>>;

/** What is known about attacks on one resource. */
export interface DefenderKnowledge {
  /** Active ones, and those that were closed a short time ago; newest first. */
  readonly alerts: readonly DefenderAlert[];
  /** Ids of alerts of which what is stored cannot be read, `''` where not even that can: whether they are over is not known. */
  readonly unreadable: readonly string[];
  /** What was done with the resource lately, newest last. */
  readonly changes: readonly KnownChange[];
  /** Repository-scoped tokens of a registry, asked for only while an alert says that credentials are stolen. */
  readonly tokens: readonly string[] | 'unreadable' | 'not-asked';
}

export const NOTHING_KNOWN: DefenderKnowledge = { alerts: [], unreadable: [], changes: [], tokens: 'not-asked' };
