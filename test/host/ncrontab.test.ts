import { expect, test } from 'vitest';
import { parseSchedule } from '../../local/host/ncrontab.ts';

test.each([
  ['0 */5 * * * *', '2026-11-01T10:02:30Z', '2026-11-01T10:05:00Z'],
  ['0 */5 * * * *', '2026-11-01T10:05:00Z', '2026-11-01T10:10:00Z'],
  ['*/15 * * * *', '2026-11-01T10:50:00Z', '2026-11-01T11:00:00Z'],
  ['30 0 2 * * *', '2026-12-31T23:00:00Z', '2027-01-01T02:00:30Z'],
  ['0 0 9 * * MON-FRI', '2026-11-06T10:00:00Z', '2026-11-09T09:00:00Z'],
  ['0 0 0 1 jan,jul *', '2026-02-01T00:00:00Z', '2026-07-01T00:00:00Z'],
  ['0 0 0 29 2 *', '2026-03-01T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['0 0 0 13 * 5', '2026-11-14T00:00:00Z', '2027-08-13T00:00:00Z'],
  ['5/20 * * * * *', '2026-11-01T10:00:06Z', '2026-11-01T10:00:25Z'],
  ['00:00:10', '2026-11-01T10:00:06Z', '2026-11-01T10:00:16Z'],
])('%s after %s is %s', (expression, after, next) => {
  expect(parseSchedule(expression).next(new Date(after))).toEqual(new Date(next));
});

test.each(['', '* * * *', '60 * * * * *', '* * * * * 7', '*/0 * * * * *', 'a b c d e f', '0 0 0 0 * *'])(
  "'%s' is no schedule",
  (expression) => {
    expect(() => parseSchedule(expression)).toThrow('was not recognized as a valid cron expression');
  },
);

test('a day that no month has is an error, not an endless search', () => {
  expect(() => parseSchedule('0 0 0 30 2 *').next(new Date('2026-01-01T00:00:00Z'))).toThrow('never occurs');
});
