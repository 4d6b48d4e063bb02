import { isPlainObject } from '../../resources/lenient.ts';
import { type FoundCause, type IgnoredInput, type InvalidInput, ignored, invalid } from '../parsed.ts';
import { type IgnoredAlert, looksLikeAlert, readAlert, unwrapAlert } from './alert.ts';
import { lowerNames } from './lower-names.ts';
import { type IgnoredRecommendation, looksLikeRecommendation, readRecommendation } from './recommendation.ts';

/** Why something from Defender leads to nothing. */
export type IgnoredDefender = IgnoredAlert | IgnoredRecommendation | 'event-type-not-covered';

/** One element of what Microsoft Defender for Cloud sent. */
export type ParsedDefender = FoundCause | IgnoredInput<IgnoredDefender> | InvalidInput;

/**
 * One element of what the continuous export, a Logic App, the REST API, Resource Graph or a person with a file hands over. Never throws, and calls
 * nothing.
 */
export function parseDefender(element: unknown): ParsedDefender {
  const members = unwrapAlert(lowerNames(element));
  if (looksLikeAlert(members)) return readAlert(members);
  if (looksLikeRecommendation(members)) return readRecommendation(members);
  return parseActivity(members);
}

/**
 * The Activity Log, and the action groups that are called by it, tell of alerts without a type and without the resource: nothing to act upon,
 * and nothing is guessed.
 */
function parseActivity(members: Readonly<Record<string, unknown>>): ParsedDefender {
  const inner = lowerNames(lowerNames(members['data'])['context'])['activitylog'];
  const record = inner === undefined ? members : lowerNames(inner);
  const source = textOf(record['eventsource']) ?? textOf(record['category']);
  const isActivity = inner !== undefined || (record['eventdataid'] !== undefined && record['channels'] !== undefined);
  if (!isActivity)
    return invalid('unknown-envelope', 'neither an event nor an alert or recommendation of Defender for Cloud');
  return ignored(source?.toLowerCase() === 'security' ? 'no-covered-resource' : 'event-type-not-covered');
}

/** Plain text, or `{value, localizedValue}`. */
function textOf(value: unknown): string | undefined {
  const text = isPlainObject(value) ? value['value'] : value;
  return typeof text === 'string' ? text : undefined;
}
