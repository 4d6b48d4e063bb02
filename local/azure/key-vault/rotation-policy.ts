import { isJsonObject, type Json, type JsonObject, readString } from '../json.ts';
import { badParameter } from './vault-errors.ts';

type ActionType = 'Rotate' | 'Notify';

/** One thing that happens in the life of a key version; exactly one of the two times (ISO 8601 durations of whole days) is given. */
export interface LifetimeAction {
  readonly type: ActionType;
  readonly timeAfterCreate?: string;
  readonly timeBeforeExpiry?: string;
}

/** How a key rotates. A key about which nobody has ever said anything has none. */
export interface RotationPolicy {
  readonly actions: readonly LifetimeAction[];
  /** ISO 8601 duration: how long the versions made from now on live. Absent = for ever. */
  readonly expiryTime?: string;
  /** Unix seconds. */
  readonly created: number;
  readonly updated: number;
}

/** https://learn.microsoft.com/azure/key-vault/keys/how-to-configure-key-rotation#key-rotation-policy */
const MIN_EXPIRY_DAYS = 28;
const MIN_DISTANCE_DAYS = 7;
const DURATION =
  /^P(?=\d)(?:(?<years>\d{1,3})Y)?(?:(?<months>\d{1,4})M)?(?:(?<weeks>\d{1,4})W)?(?:(?<days>\d{1,5})D)?$/;
const DAY = 86_400_000;

/** What a vault answers for a key without a policy. */
const DEFAULT_POLICY: JsonObject = {
  lifetimeActions: [{ trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'Notify' } }],
  attributes: null,
};

/** The policy in a PUT's body; throws BadParameter for one that the service would refuse. `now` and the times are unix seconds. */
export function readRotationPolicy(
  body: Json | undefined,
  before: RotationPolicy | undefined,
  now: number,
): RotationPolicy {
  if (!isJsonObject(body)) throw badParameter('The rotation policy must be a JSON object.');
  const { attributes = {}, lifetimeActions = [] } = body;
  if (!Array.isArray(lifetimeActions)) throw badParameter("'lifetimeActions' must be an array.");
  const expiryTime = readExpiryTime(attributes);
  const actions = lifetimeActions.map((entry: Json) => readAction(entry, expiryTime));
  if (new Set(actions.map(({ type }) => type)).size < actions.length) {
    throw badParameter('Every type of action may occur once in a rotation policy.');
  }
  return { actions, ...(expiryTime !== undefined && { expiryTime }), created: before?.created ?? now, updated: now };
}

function readExpiryTime(attributes: Json): string | undefined {
  if (attributes !== null && !isJsonObject(attributes)) throw badParameter("'attributes' must be an object.");
  const { expiryTime } = attributes ?? {};
  if (expiryTime === undefined || expiryTime === null) return undefined;
  const { days, text } = readDuration(expiryTime, 'attributes.expiryTime');
  if (days < MIN_EXPIRY_DAYS) throw badParameter(`The expiry time must be at least ${MIN_EXPIRY_DAYS} days.`);
  return text;
}

function readAction(entry: Json, expiryTime: string | undefined): LifetimeAction {
  const type = (['Rotate', 'Notify'] as const).find(
    (name) => name.toLowerCase() === readString(entry, 'action.type')?.toLowerCase(),
  );
  if (type === undefined) throw badParameter("The type of an action must be 'Rotate' or 'Notify'.");
  const trigger = isJsonObject(entry) ? entry['trigger'] : undefined;
  const { timeAfterCreate, timeBeforeExpiry } = isJsonObject(trigger) ? trigger : {};
  if ((timeAfterCreate ?? undefined) !== undefined && (timeBeforeExpiry ?? undefined) !== undefined) {
    throw badParameter('A trigger has either timeAfterCreate or timeBeforeExpiry.');
  }
  if (typeof timeAfterCreate === 'string') {
    if (type === 'Notify') throw badParameter('timeAfterCreate can be used with the action Rotate only.');
    return { type, timeAfterCreate: checkDistance(timeAfterCreate, 'timeAfterCreate', expiryTime) };
  }
  if (type === 'Rotate' && expiryTime === undefined) {
    throw badParameter('A rotation before expiry needs an expiry time.');
  }
  return { type, timeBeforeExpiry: checkDistance(timeBeforeExpiry, 'timeBeforeExpiry', expiryTime) };
}

/** The duration, which must end at least a week after creation, and at least a week before expiry. */
function checkDistance(time: Json | undefined, name: string, expiryTime: string | undefined): string {
  const { days, text } = readDuration(time, `trigger.${name}`);
  const lifeDays =
    expiryTime === undefined ? Number.POSITIVE_INFINITY : readDuration(expiryTime, 'attributes.expiryTime').days;
  if (days >= MIN_DISTANCE_DAYS && days <= lifeDays - MIN_DISTANCE_DAYS) return text;
  throw badParameter(
    `${name} must be at least ${MIN_DISTANCE_DAYS} days after creation and ${MIN_DISTANCE_DAYS} days before expiry.`,
  );
}

/** A duration as text and in days; a month counts 30, a year 365. Throws BadParameter for anything else. */
function readDuration(value: Json | undefined, name: string): { days: number; text: string } {
  const text = typeof value === 'string' ? value : '';
  const parts = DURATION.exec(text)?.groups;
  if (parts === undefined) throw badParameter(`'${name}' must be an ISO 8601 duration of whole days, such as P90D.`);
  const { days = 0, months = 0, weeks = 0, years = 0 } = parts;
  return { days: Number(years) * 365 + Number(months) * 30 + Number(weeks) * 7 + Number(days), text };
}

/** An instant (unix seconds) later by a duration of a policy, by the calendar. */
export function addDuration(from: number, duration: string): number {
  const { days = 0, months = 0, weeks = 0, years = 0 } = DURATION.exec(duration)?.groups ?? {};
  const date = new Date(from * 1000);
  date.setUTCFullYear(date.getUTCFullYear() + Number(years), date.getUTCMonth() + Number(months));
  return Math.floor((date.getTime() + (Number(weeks) * 7 + Number(days)) * DAY) / 1000);
}

/** Seconds before its expiry from which on a version is near it: what the policy's Notify says, else 30 days. */
export function readWarningSeconds(policy: RotationPolicy | undefined): number {
  const notify = policy?.actions.find(({ type }) => type === 'Notify')?.timeBeforeExpiry ?? 'P30D';
  return readDuration(notify, 'timeBeforeExpiry').days * (DAY / 1000);
}

/** The policy as the vault answers it. */
export function viewPolicy(policy: RotationPolicy | undefined, keyUrl: string): JsonObject {
  if (policy === undefined) return DEFAULT_POLICY;
  return { id: `${keyUrl}/rotationpolicy`, ...viewMembers(policy, (type) => type) };
}

/** The policy as ARM answers it: its actions are spelt small. */
export function viewArmPolicy(policy: RotationPolicy): JsonObject {
  return viewMembers(policy, (type) => type.toLowerCase());
}

function viewMembers(
  { actions, created, expiryTime, updated }: RotationPolicy,
  spell: (type: ActionType) => string,
): JsonObject {
  return {
    lifetimeActions: actions.map(({ type, ...trigger }) => ({
      trigger: { ...trigger },
      action: { type: spell(type) },
    })),
    attributes: { ...(expiryTime !== undefined && { expiryTime }), created, updated },
  };
}
