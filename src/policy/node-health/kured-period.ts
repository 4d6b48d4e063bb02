import type { OptionValues } from './kured-options.ts';
import { DAY, HOUR, MINUTE } from './timestamp.ts';

/** What kured has without the option. */
const PRESET = '1h';
/** Of a period that cannot be told: as long as a window that cannot be. */
const LONGEST = 8 * DAY;
const DURATION = /^(?:\d{1,9}(?:\.\d{0,9})?(?:ns|us|µs|μs|ms|s|m|h)){1,6}$/;

/** Reads the option `--period` of kured, a duration as Go writes it (`1h30m`): milliseconds between two looks; eight days where that cannot be told. */
export function parsePeriod(values: OptionValues): number {
  const text = values === 'unreadable' ? '' : (values.at(-1) ?? PRESET);
  if (!DURATION.test(text)) return LONGEST;
  const parts = [...text.matchAll(/([\d.]+)([a-zµμ]+)/g)];
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * inMilliseconds(String(unit)), 0);
}

function inMilliseconds(unit: string): number {
  switch (unit) {
    case 'ns':
      return 1e-6;
    case 'us':
    case 'µs':
    case 'μs':
      return 1e-3;
    case 'ms':
      return 1;
    case 's':
      return 1000;
    case 'm':
      return MINUTE;
    default:
      return HOUR;
  }
}
