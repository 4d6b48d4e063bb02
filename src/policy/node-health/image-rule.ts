import type { UpgradeFailure } from '../../resources/node-health.ts';
import type { NodeOsMaintenance } from '../../resources/node-os-maintenance.ts';
import { type Judgement, type Thresholds, undecided } from './detection.ts';
import { type ImageVersion, parseImageVersion } from './image-version.ts';
import { hasWindowEnded } from './maintenance.ts';
import { lookUp } from './scheduling.ts';
import { DAY, formatDate, formatTimestamp, HOUR, parseCompactTimestamp, parseTimestamp } from './timestamp.ts';

/** What the node image of one node or pool is judged by, besides its version. */
export interface ImageContext {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly thresholds: Thresholds;
  readonly isWindows: boolean;
  /** The channel of node OS upgrades in lower case. */
  readonly channel: string;
  /** The newest image for the pool; undefined = not told. */
  readonly latest: string | undefined;
  readonly maintenance: NodeOsMaintenance | 'unreadable' | undefined;
  /** Failed upgrades of this pool, or of the whole cluster; `unreadable` = not known. */
  readonly failures: readonly UpgradeFailure[] | 'unreadable';
}

/** What is known of an image: the label and the annotations of a node (`untold` = they were not asked for), or what ARM says of a pool (no annotations then). */
export interface ImageSource {
  readonly version: string | undefined;
  readonly basis: 'node-label' | 'arm';
  readonly annotations?: Readonly<Record<string, string>> | 'untold';
}

const GOLDEN = 'kubernetes.azure.com/live-patching-golden-timestamp';
const CURRENT = 'kubernetes.azure.com/live-patching-current-timestamp';
/** A new image takes up to two weeks to reach every region. */
const ROLLOUT = 14 * DAY;
/** By how much an image may seem to be of the future. */
const DATE_TOLERANCE = DAY;

/** Is the node image, or its live patch, overdue? */
export function judgeImage(source: ImageSource, context: ImageContext): Judgement {
  if (!context.isWindows && context.channel === 'unmanaged') {
    const detail = 'on channel Unmanaged the age of the node image is not judged';
    return { verdict: 'ok', basis: 'channel', detail };
  }
  const livePatch = judgeLivePatch(source.annotations, context);
  if (livePatch?.verdict === 'reimage-missing') return livePatch;
  const image = judgeVersion(source, context);
  return image.verdict === 'ok' ? (livePatch ?? image) : image;
}

/** Undefined = no live patch is asked for, or the node has it. */
function judgeLivePatch(
  annotations: ImageSource['annotations'] = {},
  { channel, isWindows, now, thresholds }: ImageContext,
): Judgement | undefined {
  if (isWindows || channel !== 'securitypatch') return undefined;
  if (annotations === 'untold') return undecided('live-patch-unknown', 'the live patches of the node were not told');
  const wanted = lookUp(annotations, GOLDEN);
  if (wanted === undefined) return undefined;
  const golden = parseCompactTimestamp(wanted);
  if (golden === undefined) return undecided('live-patch-unparsed', 'the time of the live patch cannot be read');
  const current = parseCompactTimestamp(lookUp(annotations, CURRENT) ?? '');
  if (current !== undefined && current >= golden) return undefined;
  const detail = `the live patch of ${formatTimestamp(golden)} is not applied`;
  if (now - golden <= thresholds.livePatchLagHours * HOUR) return { verdict: 'ok', basis: 'deadline', detail };
  const since = formatTimestamp(golden + thresholds.livePatchLagHours * HOUR);
  return { verdict: 'reimage-missing', confidence: 'likely', basis: 'live-patch', since, detail };
}

function judgeVersion({ basis, version }: ImageSource, context: ImageContext): Judgement {
  const image = parseImageVersion(version);
  const latest = parseImageVersion(context.latest);
  if (image === undefined) return undecided('image-unparsed', 'the version of the node image cannot be read');
  if (latest === undefined) return undecided('latest-image-unknown', 'the newest node image is not known');
  if (image.identity === latest.identity) return { verdict: 'ok', basis, detail: 'the node image is the newest' };
  const failed = judgeFailures(image, context);
  if (failed !== undefined) return failed;
  const age = judgeAge(image, basis, context);
  return age.verdict === 'ok' && context.failures === 'unreadable'
    ? undecided('failures-unknown', `${age.detail}; whether an upgrade failed is not known`)
    : age;
}

/** A failed upgrade counts at once, unless it was before the present image was made: another upgrade has succeeded since. */
function judgeFailures({ date }: ImageVersion, { failures }: ImageContext): Judgement | undefined {
  if (failures === 'unreadable') return undefined;
  const later = failures.map(({ at }) => parseTimestamp(at)).filter((time) => time === undefined || time >= date);
  if (later.length === 0) return undefined;
  const times = later.filter((time) => time !== undefined);
  return {
    verdict: 'reimage-missing',
    confidence: 'likely',
    basis: 'event',
    // The first of them: later ones are no news.
    ...(times.length > 0 && { since: formatTimestamp(Math.min(...times)) }),
    detail: 'an upgrade of the node image failed, and the image is not the newest',
  };
}

function judgeAge({ date }: ImageVersion, basis: ImageSource['basis'], context: ImageContext): Judgement {
  const { isWindows, maintenance, now, thresholds } = context;
  if (date > now + DATE_TOLERANCE) {
    return undecided('image-date-ahead', 'the version of the node image names a day that has not come yet');
  }
  const maxAge = (isWindows ? thresholds.windowsNodeImageAgeDays : thresholds.nodeImageAgeDays) * DAY;
  const detail = `the node image is of ${formatDate(date)}, and a newer one is offered`;
  if (now - date <= maxAge) return { verdict: 'ok', basis, detail };
  const hasHadTime = maintenance === undefined || windowSince(maintenance, date + ROLLOUT, now);
  if (hasHadTime === 'unreadable') {
    return undecided('maintenance-unreadable', `${detail}; the maintenance schedule cannot be read`);
  }
  if (!hasHadTime) return { verdict: 'ok', basis: 'deadline', detail: `${detail}; no maintenance window has passed` };
  const since = formatTimestamp(date + maxAge);
  return { verdict: 'reimage-missing', confidence: 'likely', basis, since, detail };
}

function windowSince(maintenance: NodeOsMaintenance | 'unreadable', from: number, to: number): boolean | 'unreadable' {
  return maintenance === 'unreadable' ? 'unreadable' : hasWindowEnded(maintenance, from, to);
}
