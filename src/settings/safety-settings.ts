import { parseDuration, parseNumber } from './formats.ts';
import { type Freezes, parseFreezes } from './maintenance-window.ts';
import type { ReadSetting } from './read-setting.ts';
import type { Setting } from './setting.ts';

/** Whose exemptions count. */
export const exemptionSources = ['resource', 'resource-group', 'azure-policy'] as const;
export type ExemptionSource = (typeof exemptionSources)[number];

/** A number, or `off`. */
export type Limit = number | 'off';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** What holds while a limit on Dockwarden itself cannot be read: whoever wrote it wanted less than the default, or more care. */
const STOP = 'no remediation goes further than observe';

/** The settings that hold Dockwarden back. A malformed one stops every change, because its meaning cannot be guessed. */
export const safetySettings = {
  exemptionMaxDays: restriction<number>({
    name: 'EXEMPTION_MAX_DAYS',
    description: 'How many days ahead an exemption tag may reach at most.',
    format: 'a whole number of days from 1 to 366',
    default: 90,
    examples: ['30', '90'],
    parse: (text) => parseNumber(text, 1, 366),
    consequence: STOP,
  }),
  exemptionSources: restriction<readonly ExemptionSource[]>({
    name: 'EXEMPTION_SOURCES',
    description:
      'Whose exemptions count: the tags of the resource itself, those of its resource group, exemptions of Azure Policy from the same control, or none.',
    format: 'any of `resource`, `resource-group` and `azure-policy` with a comma between, or `none`',
    default: exemptionSources,
    examples: ['resource', 'resource,resource-group,azure-policy'],
    parse: parseSources,
    consequence: STOP,
  }),
  exemptionNotice: duration({
    name: 'EXEMPTION_NOTICE',
    description: 'How long before its end an exemption is announced to end (audit stage `notice`).',
    defaultText: '7d',
    examples: ['7d', '24h'],
    lowest: 0,
    highest: 30 * DAY,
  }),
  exemptionGrace: duration({
    name: 'EXEMPTION_GRACE',
    description: 'How long an exemption tag that can be read but is not valid still holds a fix back.',
    defaultText: '24h',
    examples: ['24h', '2d'],
    lowest: 0,
    highest: 7 * DAY,
  }),
  undoExemption: duration({
    name: 'UNDO_EXEMPTION',
    description: 'How long a policy leaves a resource alone after a fix was undone.',
    defaultText: '30d',
    examples: ['7d', '30d'],
    lowest: HOUR,
    highest: 90 * DAY,
  }),
  approvalValid: duration({
    name: 'APPROVAL_VALID',
    description:
      'How long an approval holds until the fix has to start; outside a maintenance window it counts from its next opening.',
    defaultText: '24h',
    examples: ['4h', '24h'],
    lowest: 15 * MINUTE,
    highest: 30 * DAY,
  }),
  approvalPersons: restriction<number>({
    name: 'APPROVAL_PERSONS',
    description:
      'How many different people have to approve a fix. With 2 only people count whom the platform has verified, and a function key does not.',
    format: '1 or 2',
    default: 1,
    examples: ['1', '2'],
    parse: (text) => parseNumber(text, 1, 2),
    consequence: STOP,
  }),
  breakerWindow: duration({
    name: 'BREAKER_WINDOW',
    description: 'Length of the sliding window in which the breaker counts.',
    defaultText: '10m',
    examples: ['10m', '1h'],
    lowest: MINUTE,
    highest: DAY,
  }),
  breakerRemediationCap: limit({
    name: 'BREAKER_REMEDIATION_CAP',
    description: 'How many resources one remediation may change within the window, over all subscriptions.',
    default: 20,
    examples: ['5', '20'],
    highest: 400,
  }),
  breakerSubscriptionCap: limit({
    name: 'BREAKER_SUBSCRIPTION_CAP',
    description: 'How many changes all remediations together may make within the window in one subscription.',
    default: 40,
    examples: ['10', '40'],
    highest: 400,
  }),
  breakerFleetShare: limit({
    name: 'BREAKER_FLEET_SHARE',
    description:
      'Which share of the known resources, in percent, may be changed within the window; counts from 20 known resources on (as the last complete sweep saw them).',
    default: 25,
    examples: ['10', '25'],
    highest: 100,
  }),
  breakerFailureRate: limit({
    name: 'BREAKER_FAILURE_RATE',
    description:
      'Which share of the fixes within the window, in percent, may fail before the breaker opens; it stays open until an operator resets it.',
    default: 50,
    examples: ['25', '50'],
    highest: 100,
  }),
  breakerFailureMinimum: restriction<number>({
    name: 'BREAKER_FAILURE_MINIMUM',
    description: 'How many fixes within the window there have to be before the failure rate counts.',
    format: 'a whole number from 1 to 400',
    default: 10,
    examples: ['5', '10'],
    parse: (text) => parseNumber(text, 1, 400),
    consequence: STOP,
  }),
  warWindow: duration({
    name: 'WAR_WINDOW',
    description: 'Within what time after a fix a new violation counts as its reversal.',
    defaultText: '24h',
    examples: ['12h', '24h'],
    lowest: HOUR,
    highest: 30 * DAY,
  }),
  warReverts: restriction<number>({
    name: 'WAR_REVERTS',
    description:
      'How often the same writer may reverse a fix of the same resource within WAR_WINDOW before Dockwarden stops and quarantines the finding.',
    format: 'a whole number from 1 to 20',
    default: 3,
    examples: ['2', '3'],
    parse: (text) => parseNumber(text, 1, 20),
    consequence: STOP,
  }),
  warRevertsTotal: restriction<number>({
    name: 'WAR_REVERTS_TOTAL',
    description: 'The same for all writers together.',
    format: 'a whole number from 1 to 20',
    default: 6,
    examples: ['6', '10'],
    parse: (text) => parseNumber(text, 1, 20),
    consequence: STOP,
  }),
  freezeDates: restriction<Freezes | undefined>({
    name: 'FREEZE_DATES',
    description: 'Days on which nothing is changed, by any remediation.',
    format:
      'days `yyyy-mm-dd` and ranges `yyyy-mm-dd/yyyy-mm-dd`, separated by commas, then `;` and a time zone (default UTC)',
    default: undefined,
    examples: ['2026-12-20/2027-01-03;Europe/Berlin', '2027-04-02'],
    parse: parseFreezes,
    consequence: STOP,
  }),
};

/** Limits of one guard of the breaker; undefined = off. */
export interface BreakerSettings {
  readonly windowMs: number;
  readonly cap: number | undefined;
  readonly sharePercent: number | undefined;
  readonly failurePercent: number | undefined;
  readonly failureMinimum: number;
}

/** What holds Dockwarden back; durations in milliseconds. */
export interface SafetySettings {
  readonly exemptions: {
    readonly maxDays: number;
    readonly sources: readonly ExemptionSource[];
    readonly noticeMs: number;
    readonly graceMs: number;
    readonly undoMs: number;
  };
  readonly approvals: { readonly validMs: number; readonly persons: number };
  readonly breaker: { readonly remediation: BreakerSettings; readonly subscription: BreakerSettings };
  readonly war: { readonly windowMs: number; readonly reverts: number; readonly total: number };
  readonly freezes: Freezes | undefined;
}

/** Reads them all; `isMalformed` when any of them cannot be parsed. */
export function readSafety(read: ReadSetting): {
  readonly safety: SafetySettings;
  readonly isMalformed: boolean;
} {
  let isMalformed = false;
  const value = <V>(setting: Setting<V>): V => {
    const reading = read(setting);
    isMalformed ||= reading.isMalformed;
    return reading.value;
  };
  const breaker = {
    windowMs: value(safetySettings.breakerWindow),
    sharePercent: numberOf(value(safetySettings.breakerFleetShare)),
    failurePercent: numberOf(value(safetySettings.breakerFailureRate)),
    failureMinimum: value(safetySettings.breakerFailureMinimum),
  };
  const safety: SafetySettings = {
    exemptions: {
      maxDays: value(safetySettings.exemptionMaxDays),
      sources: value(safetySettings.exemptionSources),
      noticeMs: value(safetySettings.exemptionNotice),
      graceMs: value(safetySettings.exemptionGrace),
      undoMs: value(safetySettings.undoExemption),
    },
    approvals: { validMs: value(safetySettings.approvalValid), persons: value(safetySettings.approvalPersons) },
    breaker: {
      remediation: { ...breaker, cap: numberOf(value(safetySettings.breakerRemediationCap)) },
      subscription: { ...breaker, cap: numberOf(value(safetySettings.breakerSubscriptionCap)) },
    },
    war: {
      windowMs: value(safetySettings.warWindow),
      reverts: value(safetySettings.warReverts),
      total: value(safetySettings.warRevertsTotal),
    },
    freezes: value(safetySettings.freezeDates),
  };
  return { safety, isMalformed };
}

function numberOf(value: Limit): number | undefined {
  return value === 'off' ? undefined : value;
}

function parseSources(text: string): readonly ExemptionSource[] | undefined {
  if (text === 'none') return [];
  const named = text.split(',');
  const known = exemptionSources.filter((source) => named.includes(source));
  return known.length === named.length ? known : undefined;
}

function duration(setting: {
  readonly name: string;
  readonly description: string;
  readonly defaultText: string;
  readonly examples: readonly [string, string];
  readonly lowest: number;
  readonly highest: number;
}): Setting<number> {
  const { defaultText, lowest, highest, ...rest } = setting;
  const parse = (text: string): number | undefined => parseDuration(text, lowest, highest);
  return {
    ...rest,
    format: `minutes, hours or days, for example 30m, 24h or 2d; from ${describe(lowest)} to ${describe(highest)}`,
    default: parse(defaultText) ?? lowest,
    parse,
    restricts: true,
    consequence: STOP,
  };
}

function describe(milliseconds: number): string {
  if (milliseconds % DAY === 0 && milliseconds > 0) return `${milliseconds / DAY}d`;
  return milliseconds % HOUR === 0 ? `${milliseconds / HOUR}h` : `${milliseconds / MINUTE}m`;
}

function limit(setting: {
  readonly name: string;
  readonly description: string;
  readonly default: number;
  readonly examples: readonly [string, string];
  readonly highest: number;
}): Setting<Limit> {
  const { highest, ...rest } = setting;
  return {
    ...rest,
    format: `a whole number from 1 to ${highest}, or off`,
    parse: (text) => (text === 'off' ? 'off' : parseNumber(text, 1, highest)),
    restricts: true,
    consequence: STOP,
  };
}

/** Returns its argument as a setting that holds back. */
function restriction<V>(setting: Setting<V>): Setting<V> {
  return { ...setting, restricts: true };
}
