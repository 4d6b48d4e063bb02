import type { KeyRotationPolicy } from '../../azure/key-vault.ts';
import { RotationPolicy } from '../../resources/key-vault.ts';
import type { JsonPointer, TouchedValues } from '../define-remediation.ts';

/** What makes up a rotation policy; its timestamps say nothing. */
export const POLICY_PATHS = [
  '/properties/rotationPolicy/lifetimeActions',
  '/properties/rotationPolicy/attributes/expiryTime',
] as const satisfies readonly JsonPointer[];

const ROTATE = { action: 'Rotate', timeAfterCreate: 'P18M' } as const;
const EXPIRES_IN = 'P2Y';
const NOTICE = 'P30D';
/** What Azure does while nobody has set a rotation policy. */
const NEVER_SET: KeyRotationPolicy = { lifetimeActions: [{ action: 'Notify', timeBeforeExpiry: NOTICE }] };

/** Azure refuses what is nearer than this to the creation or the expiry of a version, in days. */
const MIN_DISTANCE = 7;
const DURATION = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T[\dHMS.]*)?$/i;
const DAYS_PER_UNIT = [365.25, 30.4375, 7, 1] as const;

/** Length of an ISO 8601 duration in days, hours left aside; undefined when it is none. */
export function daysIn(duration: string): number | undefined {
  const [, ...counts] = DURATION.exec(duration.trim()) ?? [];
  if (counts.every((count) => count === undefined)) return undefined;
  return DAYS_PER_UNIT.reduce((days, unit, index) => days + unit * Number(counts[index] ?? 0), 0);
}

/** The policy with a rotation in it. Expiry and notice of the present one stay where Azure allows them beside it. */
export function addRotation({ attributes: { expiryTime }, lifetimeActions }: RotationPolicy): KeyRotationPolicy {
  const expiresIn = expiryTime !== undefined && fits(ROTATE.timeAfterCreate, expiryTime) ? expiryTime : EXPIRES_IN;
  const notices = readable(lifetimeActions)
    .filter(({ action }) => isType(action.type, 'notify'))
    .map(({ trigger }) => trigger.timeBeforeExpiry);
  const notice = notices.find((time) => time !== undefined && fits(time, expiresIn)) ?? NOTICE;
  return { expiresIn, lifetimeActions: [ROTATE, { action: 'Notify', timeBeforeExpiry: notice }] };
}

/** Is the moment far enough from both ends of a version's life? Both durations count from either end. */
function fits(moment: string, lifetime: string): boolean {
  const [at, end] = [daysIn(moment) ?? Number.NaN, daysIn(lifetime) ?? Number.NaN];
  return at >= MIN_DISTANCE && end - at >= MIN_DISTANCE;
}

/** The policy that the touched paths stand for. */
export function policyOf(values: TouchedValues): KeyRotationPolicy {
  const [actions, expiry] = POLICY_PATHS;
  const { attributes, lifetimeActions } = RotationPolicy.parse({
    attributes: { expiryTime: values[expiry] },
    lifetimeActions: values[actions],
  });
  const { expiryTime } = attributes;
  return {
    ...(expiryTime !== undefined && { expiresIn: expiryTime }),
    lifetimeActions:
      values[actions] === undefined
        ? NEVER_SET.lifetimeActions
        : readable(lifetimeActions).map(({ action, trigger: { timeAfterCreate, timeBeforeExpiry } }) => ({
            action: isType(action.type, 'rotate') ? 'Rotate' : 'Notify',
            ...(timeAfterCreate !== undefined && { timeAfterCreate }),
            ...(timeBeforeExpiry !== undefined && { timeBeforeExpiry }),
          })),
  };
}

/** Do both do the same? One that was never set cannot be had again: its place takes one that says what Azure does without. */
export function isSamePolicy(one: TouchedValues, other: TouchedValues): boolean {
  return meaningOf(policyOf(one)) === meaningOf(policyOf(other));
}

function meaningOf({ expiresIn = '', lifetimeActions }: KeyRotationPolicy): string {
  const actions = lifetimeActions.map(({ action, timeAfterCreate = '', timeBeforeExpiry = '' }) =>
    [action, timeAfterCreate, timeBeforeExpiry].join(' '),
  );
  return JSON.stringify([expiresIn, ...actions.toSorted()]);
}

/** Nothing is changed where the actions cannot be read, and nothing is restored to such. */
function readable(actions: RotationPolicy['lifetimeActions']) {
  return actions === 'unreadable' ? [] : actions;
}

function isType(type: string, wanted: 'rotate' | 'notify'): boolean {
  return type.trim().toLowerCase() === wanted;
}
