import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type Freezes,
  type MaintenanceWindow,
  nextOpening,
  parseFreezes,
  parseMaintenanceWindow,
} from '../../src/settings/maintenance-window.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TWO_YEARS = 731 * DAY;

/** The window that the text stands for. */
function windowOf(text: string): MaintenanceWindow {
  const window = parseMaintenanceWindow(text);
  if (window === undefined) throw new Error(`no maintenance window: ${text}`);
  return window;
}

function freezesOf(text: string): Freezes {
  const freezes = parseFreezes(text);
  if (freezes === undefined) throw new Error(`no freezes: ${text}`);
  return freezes;
}

/** `open`, or the reason and when it opens. */
function describeOpening(now: string | Date, window?: string, freezes?: string): string {
  const opening = nextOpening(
    new Date(now),
    window === undefined ? undefined : windowOf(window),
    freezes === undefined ? undefined : freezesOf(freezes),
  );
  if (opening.isOpen) return 'open';
  return `${opening.reason} until ${opening.opensAt?.toISOString() ?? 'further notice'}`;
}

describe('a maintenance window', () => {
  test.each([
    ['0 22 * * 1-5;4h;Europe/Berlin', '0 22 * * 1-5', 4 * HOUR, 'Europe/Berlin'],
    ['0 22 * * 1-5;15m;UTC', '0 22 * * 1-5', 15 * MINUTE, 'UTC'],
    [
      '30 1,13 1-7 */3 SAT,SUN;90m;America/Argentina/Buenos_Aires',
      '30 1,13 1-7 */3 SAT,SUN',
      90 * MINUTE,
      'America/Argentina/Buenos_Aires',
    ],
    ['0-30/10 2 * jan-mar mon-fri;24h;Etc/GMT+5', '0-30/10 2 * jan-mar mon-fri', DAY, 'Etc/GMT+5'],
    ['* * * * *;1440m;America/Port-au-Prince', '* * * * *', DAY, 'America/Port-au-Prince'],
    ['00 00 * * 7;7d;America/Port_of_Spain', '00 00 * * 7', 7 * DAY, 'America/Port_of_Spain'],
    ['0 0 29 2 *;1d;US/Eastern', '0 0 29 2 *', DAY, 'US/Eastern'],
    ['0 0 31 2 1;1d;Asia/Kolkata', '0 0 31 2 1', DAY, 'Asia/Kolkata'],
  ])('is read from %s', (text, cron, durationMs, timeZone) => {
    expect(parseMaintenanceWindow(text)).toEqual({ text, cron, durationMs, timeZone });
  });

  test.each([
    '',
    ' ',
    ';',
    ';;',
    'null',
    'undefined',
    '[object Object]',
    '0 22 * * 1-5',
    '0 22 * * 1-5;4h',
    '0 22 * * 1-5;Europe/Berlin;4h',
    '4h;0 22 * * 1-5;Europe/Berlin',
    '0 22 * * 1-5;4h;Europe/Berlin;',
    '0 22 * * 1-5;4h;Europe/Berlin;UTC',
    '0 22 * * 1-5,4h,Europe/Berlin',
    // Blanks and what looks like something else.
    ' 0 22 * * 1-5;4h;Europe/Berlin',
    '0 22 * * 1-5;4h;Europe/Berlin ',
    '0 22 * * 1-5;4h;Europe/Berlin\n',
    '0 22 * * 1-5 ;4h;Europe/Berlin',
    '0 22 * * 1-5; 4h;Europe/Berlin',
    '0 22 * * 1-5;4h ;Europe/Berlin',
    '0 22 * * 1-5;4h; Europe/Berlin',
    '0  22 * * 1-5;4h;Europe/Berlin',
    '0\t22 * * 1-5;4h;Europe/Berlin',
    '0\u00A022 * * 1-5;4h;Europe/Berlin',
    '\uFEFF0 22 * * 1-5;4h;Europe/Berlin',
    '0 22 * * 1-5;4h;Europe/Berlin\u200B',
    '"0 22 * * 1-5;4h;Europe/Berlin"',
    '0 \uFF12\uFF12 * * 1-5;4h;Europe/Berlin',
    '0 \u0662\u0662 * * 1-5;4h;Europe/Berlin',
    '0 22 * * 1\u20135;4h;Europe/Berlin',
    '0 22 \u2217 * 1-5;4h;Europe/Berlin',
    '0 22 * * 1-5\uFF1B4h;Europe/Berlin',
    '0 22 * * 1-5;\uFF14h;Europe/Berlin',
    '0 22 * * 1-5;4\u04BB;Europe/Berlin',
    '0 22 * * 1-5;4h;\u0415urope/Berlin',
    '0 22 * * \u017Fun;4h;Europe/Berlin',
    // Cron.
    '22 * * 1-5;4h;Europe/Berlin',
    '0 0 22 * * 1-5;4h;Europe/Berlin',
    '0 0 22 * * 1-5 2026;4h;Europe/Berlin',
    '@daily;4h;Europe/Berlin',
    '2026-11-26T22:00:00;4h;Europe/Berlin',
    '0 22 L * *;4h;Europe/Berlin',
    '0 22 LW * *;4h;Europe/Berlin',
    '0 22 15W * *;4h;Europe/Berlin',
    '0 22 * * 5L;4h;Europe/Berlin',
    '0 22 * * 5#2;4h;Europe/Berlin',
    '0 22 ? * 1;4h;Europe/Berlin',
    '0 22 1 * +1;4h;Europe/Berlin',
    '60 22 * * *;4h;Europe/Berlin',
    '0 24 * * *;4h;Europe/Berlin',
    '0 22 0 * *;4h;Europe/Berlin',
    '0 22 32 * *;4h;Europe/Berlin',
    '0 22 * 0 *;4h;Europe/Berlin',
    '0 22 * 13 *;4h;Europe/Berlin',
    '0 22 * * 8;4h;Europe/Berlin',
    '0 22 * * FRI-MON;4h;Europe/Berlin',
    '0 22-2 * * *;4h;Europe/Berlin',
    '0 22 * * monday;4h;Europe/Berlin',
    '0 22 * MON *;4h;Europe/Berlin',
    '0 22 * * JAN;4h;Europe/Berlin',
    '0 -1 * * *;4h;Europe/Berlin',
    '0 022 * * *;4h;Europe/Berlin',
    '0 22, * * *;4h;Europe/Berlin',
    '0 22,,23 * * *;4h;Europe/Berlin',
    '0 22,* * * *;4h;Europe/Berlin',
    '0/15 22 * * *;4h;Europe/Berlin',
    '*/0 22 * * *;4h;Europe/Berlin',
    '*/61 22 * * *;4h;Europe/Berlin',
    '/5 22 * * *;4h;Europe/Berlin',
    '0 22 1-2-3 * *;4h;Europe/Berlin',
    '0 22 1.5 * *;4h;Europe/Berlin',
    // It never comes.
    '0 0 31 2 *;4h;Europe/Berlin',
    '0 0 30 FEB *;4h;UTC',
    '0 0 31 2,4,6,9,11 *;4h;Europe/Berlin',
    // Duration.
    '0 22 * * 1-5;;Europe/Berlin',
    '0 22 * * 1-5;4;Europe/Berlin',
    '0 22 * * 1-5;h;Europe/Berlin',
    '0 22 * * 1-5;4H;Europe/Berlin',
    '0 22 * * 1-5;4 h;Europe/Berlin',
    '0 22 * * 1-5;4hours;Europe/Berlin',
    '0 22 * * 1-5;PT4H;Europe/Berlin',
    '0 22 * * 1-5;1h30m;Europe/Berlin',
    '0 22 * * 1-5;-4h;Europe/Berlin',
    '0 22 * * 1-5;+4h;Europe/Berlin',
    '0 22 * * 1-5;0h;Europe/Berlin',
    '0 22 * * 1-5;0m;Europe/Berlin',
    '0 22 * * 1-5;14m;Europe/Berlin',
    '0 22 * * 1-5;04h;Europe/Berlin',
    '0 22 * * 1-5;1.5h;Europe/Berlin',
    '0 22 * * 1-5;1e1h;Europe/Berlin',
    '0 22 * * 1-5;3600s;Europe/Berlin',
    '0 22 * * 1-5;1441m;Europe/Berlin',
    '0 22 * * 1-5;25h;Europe/Berlin',
    '0 22 * * 1-5;8d;Europe/Berlin',
    '0 22 * * 1-5;1w;Europe/Berlin',
    '0 22 * * 1-5;99999999999999999999h;Europe/Berlin',
    '0 22 * * 1-5;Infinityh;Europe/Berlin',
    // Time zone.
    '0 22 * * 1-5;4h;',
    '0 22 * * 1-5;4h;Berlin',
    '0 22 * * 1-5;4h;Europe',
    '0 22 * * 1-5;4h;Europe/',
    '0 22 * * 1-5;4h;Europe/Berln',
    '0 22 * * 1-5;4h;europe/berlin',
    '0 22 * * 1-5;4h;Europe/berlin',
    '0 22 * * 1-5;4h;EUROPE/BERLIN',
    '0 22 * * 1-5;4h;Europe\\Berlin',
    '0 22 * * 1-5;4h;Europe-Berlin',
    '0 22 * * 1-5;4h;W. Europe Standard Time',
    '0 22 * * 1-5;4h;utc',
    '0 22 * * 1-5;4h;Z',
    '0 22 * * 1-5;4h;+01:00',
    '0 22 * * 1-5;4h;UTC+1',
    '0 22 * * 1-5;4h;GMT+1',
    '0 22 * * 1-5;4h;EST',
    '0 22 * * 1-5;4h;PST',
    '0 22 * * 1-5;4h;IST',
    '0 22 * * 1-5;4h;SystemV/PST8PDT',
    '0 22 * * 1-5;4h;Etc/Unknown',
    '0 22 * * 1-5;4h;local',
    '0 22 * * 1-5;4h;../Europe/Berlin',
  ])('is not read from %j', (text) => {
    expect(parseMaintenanceWindow(text)).toBeUndefined();
  });

  test('is plain data', () => {
    const window = windowOf('0 22 * * 1-5;4h;Europe/Berlin');

    expect(JSON.parse(JSON.stringify(window))).toEqual(window);
  });
});

describe('freezes', () => {
  test('are days and ranges', () => {
    expect(parseFreezes('2026-12-20/2027-01-03,2027-04-02;Europe/Berlin')).toEqual({
      text: '2026-12-20/2027-01-03,2027-04-02;Europe/Berlin',
      ranges: [
        { first: countDays('2026-12-20'), last: countDays('2027-01-03') },
        { first: countDays('2027-04-02'), last: countDays('2027-04-02') },
      ],
      timeZone: 'Europe/Berlin',
    });
  });

  test.each([
    ['2026-12-24', '2026-12-24', '2026-12-24', 'UTC'],
    ['2026-12-24/2026-12-24;UTC', '2026-12-24', '2026-12-24', 'UTC'],
    ['2028-02-29;Asia/Kolkata', '2028-02-29', '2028-02-29', 'Asia/Kolkata'],
    ['2000-01-01/9999-12-31', '2000-01-01', '9999-12-31', 'UTC'],
    // In any order, overlapping, touching, within another, twice.
    ['2027-01-05,2027-01-01/2027-01-03,2027-01-03/2027-01-04', '2027-01-01', '2027-01-05', 'UTC'],
    ['2027-01-01/2027-01-31,2027-01-05,2027-01-05', '2027-01-01', '2027-01-31', 'UTC'],
  ])('%s are one range', (text, first, last, timeZone) => {
    expect(parseFreezes(text)).toEqual({
      text,
      ranges: [{ first: countDays(first), last: countDays(last) }],
      timeZone,
    });
  });

  test.each([
    '',
    ' ',
    ',',
    ';',
    '/',
    'null',
    'undefined',
    'NaN',
    'Invalid Date',
    ';Europe/Berlin',
    '2026-12-24;',
    '2026-12-24;;UTC',
    '2026-12-24;UTC;UTC',
    'UTC;2026-12-24',
    '2026-12-24,',
    ',2026-12-24',
    '2026-12-24,,2026-12-26',
    '2026-12-24;2026-12-26',
    '2026-12-24 2026-12-26',
    // Blanks and what looks like something else.
    ' 2026-12-24',
    '2026-12-24 ',
    '2026-12-24\n',
    '2026-12-24, 2026-12-26',
    '2026-12-24 /2026-12-26',
    '2026-12-24; UTC',
    '\uFEFF2026-12-24',
    '2026-12-24\u200B',
    '\uFF12026-12-24',
    '\u0662\u0660\u0662\u0666-12-24',
    '2026\u201312\u201324',
    '2026\u201012\u201024',
    '2026-12-24\uFF0C2026-12-26',
    '2026-12-24\u22152026-12-26',
    '2O26-12-24',
    '"2026-12-24"',
    '[2026-12-24]',
    // No day.
    '2026-02-30',
    '2026-02-29',
    '2100-02-29',
    '2026-04-31',
    '2026-13-01',
    '2026-00-10',
    '2026-01-00',
    '2026-01-32',
    '2026-99-99',
    '0000-01-01',
    '0026-12-24',
    '1999-12-31',
    '10000-01-01',
    '+002026-12-24',
    '-2026-12-24',
    '2026-1-1',
    '26-12-24',
    '20261224',
    '2026-12',
    '2026',
    '2026-W52',
    '2026-359',
    '2026/12/24',
    '2026.12.24',
    '24.12.2026',
    '12/24/2026',
    '2026-12-24T00:00:00Z',
    '2026-12-24T00:00:00Z/2026-12-26T00:00:00Z',
    '1798070400000',
    'tomorrow',
    '*',
    // No range.
    '2026-12-26/2026-12-24',
    '2027-01-03/2026-12-20;Europe/Berlin',
    '2026-12-24/',
    '/2026-12-24',
    '2026-12-24//2026-12-26',
    '2026-12-24/2026-12-25/2026-12-26',
    '2026-12-24/26',
    '2026-12-24/P2D',
    '2026-12-24..2026-12-26',
    '2026-12-24-2026-12-26',
    '2026-12-24/2026-02-30',
    '2026-12-24/null',
    // Half of it is right.
    '2026-12-24,2026-02-30',
    '2026-12-24,2026-12-26/2026-12-25',
    // Time zone.
    '2026-12-24;Berlin',
    '2026-12-24;Europe/Berln',
    '2026-12-24;europe/berlin',
    '2026-12-24;CET',
    '2026-12-24;+01:00',
    '2026-12-24;null',
  ])('are not read from %j', (text) => {
    expect(parseFreezes(text)).toBeUndefined();
  });

  test('are plain data', () => {
    const freezes = freezesOf('2026-12-20/2027-01-03,2027-04-02;Europe/Berlin');

    expect(JSON.parse(JSON.stringify(freezes))).toEqual(freezes);
  });
});

describe('acting is allowed', () => {
  const evenings = '0 22 * * 1-5;4h;UTC';

  test('at any time when there is neither a window nor a freeze', () => {
    expect(describeOpening('2026-11-26T12:34:56.789Z')).toBe('open');
  });

  test.each([
    ['before it starts', '2026-11-26T12:34:56.789Z', 'outside-window until 2026-11-26T22:00:00.000Z'],
    ['a millisecond before it starts', '2026-11-26T21:59:59.999Z', 'outside-window until 2026-11-26T22:00:00.000Z'],
    ['when it starts', '2026-11-26T22:00:00.000Z', 'open'],
    ['past midnight', '2026-11-27T00:00:00.000Z', 'open'],
    ['in its last millisecond', '2026-11-27T01:59:59.999Z', 'open'],
    ['when it ends', '2026-11-27T02:00:00.000Z', 'outside-window until 2026-11-27T22:00:00.000Z'],
    ['on the night to Saturday', '2026-11-28T01:00:00.000Z', 'open'],
    ['on Saturday', '2026-11-28T02:00:00.000Z', 'outside-window until 2026-11-30T22:00:00.000Z'],
  ])('inside the window: %s', (_when, now, expected) => {
    expect(describeOpening(now, evenings)).toBe(expected);
  });

  test.each([
    ['2026-12-19T23:59:59.999Z', 'open'],
    ['2026-12-20T00:00:00.000Z', 'frozen until 2027-01-04T00:00:00.000Z'],
    ['2027-01-03T23:59:59.999Z', 'frozen until 2027-01-04T00:00:00.000Z'],
    ['2027-01-04T00:00:00.000Z', 'open'],
    ['2027-04-02T12:00:00.000Z', 'frozen until 2027-04-03T00:00:00.000Z'],
  ])('on no frozen day: %s', (now, expected) => {
    expect(describeOpening(now, undefined, '2027-04-02,2026-12-20/2027-01-03')).toBe(expected);
  });

  test.each([
    ['in the middle of a window, when the freeze ends', '2026-11-26T23:00Z', '2026-11-27T00:00:00.000Z', '2026-11-26'],
    [
      'in the next window, when the freeze ends in between',
      '2026-11-27T00:30Z',
      '2026-11-30T22:00:00.000Z',
      '2026-11-27/2026-11-29',
    ],
    [
      'after the next freeze, when the next window opens in one',
      '2026-11-26T22:00Z',
      '2026-12-03T00:00:00.000Z',
      '2026-11-26/2026-11-29,2026-11-30,2026-12-01,2026-12-02',
    ],
    [
      'between two freezes',
      '2026-11-26T22:00Z',
      '2026-11-30T22:00:00.000Z',
      '2026-11-26,2026-11-27,2026-11-28,2026-12-01',
    ],
  ])('%s', (_when, now, opensAt, freezes) => {
    expect(describeOpening(now, evenings, freezes)).toBe(`frozen until ${opensAt}`);
  });

  test('for the reason that the window is closed, although it opens on a frozen day', () => {
    expect(describeOpening('2026-11-26T12:00Z', evenings, '2026-11-27/2026-12-31')).toBe(
      'outside-window until 2026-11-26T22:00:00.000Z',
    );
    expect(describeOpening('2026-11-27T12:00Z', '0 22 * * *;2h;UTC', '2026-11-28')).toBe(
      'outside-window until 2026-11-27T22:00:00.000Z',
    );
    expect(describeOpening('2026-11-26T12:00Z', '0 0 * * 5;2h;UTC', '2026-11-27')).toBe(
      'outside-window until 2026-12-04T00:00:00.000Z',
    );
  });

  test('where days of month and weekdays are given, on either', () => {
    const window = '0 0 13 * 5;1h;UTC';

    expect(describeOpening('2026-12-11T02:00Z', window)).toBe('outside-window until 2026-12-13T00:00:00.000Z');
    expect(describeOpening('2026-12-13T02:00Z', window)).toBe('outside-window until 2026-12-18T00:00:00.000Z');
  });

  test('all the time, when a window opens before the one before it has ended', () => {
    expect(describeOpening('2026-11-26T12:34:56.789Z', '0 * * * *;60m;Europe/Berlin')).toBe('open');
    expect(describeOpening('2026-11-26T12:34:56.789Z', '0 0 * * *;7d;Europe/Berlin')).toBe('open');
  });

  test.each([
    ['Pacific/Kiritimati', '2026-12-23T10:00:00.000Z', '2026-12-24T10:00:00.000Z'],
    ['Etc/GMT+12', '2026-12-24T12:00:00.000Z', '2026-12-25T12:00:00.000Z'],
    ['Asia/Kathmandu', '2026-12-23T18:15:00.000Z', '2026-12-24T18:15:00.000Z'],
  ])('until and from local midnight in %s', (zone, from, to) => {
    const freezes = `2026-12-24;${zone}`;

    expect(describeOpening(new Date(Date.parse(from) - 1), undefined, freezes)).toBe('open');
    expect(describeOpening(from, undefined, freezes)).toBe(`frozen until ${to}`);
    expect(describeOpening(new Date(Date.parse(to) - 1), undefined, freezes)).toBe(`frozen until ${to}`);
    expect(describeOpening(to, undefined, freezes)).toBe('open');
  });
});

describe('acting is not allowed within the next two years', () => {
  test.each([
    ['everything is frozen', '2026-11-26T12:00Z', undefined, '2026-01-01/9999-12-31;Europe/Berlin', 'frozen'],
    ['each window is frozen', '2026-11-26T12:00Z', '0 22 * * 1-5;4h;UTC', '2026-11-26/2099-12-31', 'frozen'],
    [
      'each coming window is frozen',
      '2026-11-26T12:00Z',
      '0 12 * * 5;4h;UTC',
      '2026-11-27/2099-12-31',
      'outside-window',
    ],
    [
      'the window is frozen, and the next one far away',
      '2028-02-01T12:00Z',
      '0 0 29 2 *;1h;UTC',
      '2028-02-29',
      'outside-window',
    ],
    ['the window is far away', '2025-11-26T12:00Z', '0 0 29 2 *;1h;UTC', undefined, 'outside-window'],
    ['the calendar ends', '9999-12-31T23:30Z', '0 0 1 1 *;1h;UTC', undefined, 'outside-window'],
  ])('when %s', (_why, now, window, freezes, reason) => {
    expect(describeOpening(now, window, freezes)).toBe(`${reason} until further notice`);
  });

  test('and this is soon found out when every window has a freeze of its own', () => {
    const mondays = Array.from({ length: 2000 }, (_, week) => toDay(Date.UTC(2026, 0, 5) + week * 7 * DAY));
    const started = performance.now();

    expect(describeOpening('2026-11-26T12:00Z', '*/5 0-20 * * 1;15m;UTC', mondays.slice(0, -1).join())).toBe(
      'outside-window until further notice',
    );
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test('but it is one day before they are over', () => {
    expect(describeOpening('2026-11-26T12:00Z', undefined, '2026-01-01/2028-11-25')).toBe(
      'frozen until 2028-11-26T00:00:00.000Z',
    );
    expect(describeOpening('2026-11-26T12:00Z', undefined, '2026-01-01/2028-11-26')).toBe(
      'frozen until further notice',
    );
  });
});

describe('where the clock changes', () => {
  const spring = ['2026-03-28T00:00Z', '2026-03-31T00:00Z'] as const;
  const autumn = ['2026-10-23T22:00Z', '2026-10-26T22:00Z'] as const;
  const springNewYork = ['2026-03-07T00:00Z', '2026-03-10T00:00Z'] as const;
  const autumnNewYork = ['2026-10-31T00:00Z', '2026-11-03T00:00Z'] as const;

  test.each([
    // 2026-03-29: 02:00 CET is 03:00 CEST, at 01:00Z.
    ['30 2 * * *;1h;Europe/Berlin', spring, ['28T01:30-28T02:30', '29T01:00-29T02:00', '30T00:30-30T01:30']],
    ['0 2 * * *;1h;Europe/Berlin', spring, ['28T01:00-28T02:00', '29T01:00-29T02:00', '30T00:00-30T01:00']],
    [
      '0,30 2 * * *;15m;Europe/Berlin',
      spring,
      ['28T01:00-28T01:15', '28T01:30-28T01:45', '29T01:00-29T01:15', '30T00:00-30T00:15', '30T00:30-30T00:45'],
    ],
    ['*/30 2 * * *;30m;Europe/Berlin', spring, ['28T01:00-28T02:00', '30T00:00-30T01:00']],
    ['0 1 * * *;2h;Europe/Berlin', spring, ['28T00:00-28T02:00', '29T00:00-29T02:00', '29T23:00-30T01:00']],
    ['0 3 * * *;1h;Europe/Berlin', spring, ['28T02:00-28T03:00', '29T01:00-29T02:00', '30T01:00-30T02:00']],
    // 2026-10-25: 03:00 CEST is 02:00 CET, at 01:00Z.
    ['30 2 * * *;1h;Europe/Berlin', autumn, ['24T00:30-24T01:30', '25T00:30-25T01:30', '26T01:30-26T02:30']],
    ['0 2 * * *;30m;Europe/Berlin', autumn, ['24T00:00-24T00:30', '25T00:00-25T00:30', '26T01:00-26T01:30']],
    [
      '0,30 2 * * *;15m;Europe/Berlin',
      autumn,
      [
        '24T00:00-24T00:15',
        '24T00:30-24T00:45',
        '25T00:00-25T00:15',
        '25T00:30-25T00:45',
        '26T01:00-26T01:15',
        '26T01:30-26T01:45',
      ],
    ],
    ['*/30 2 * * *;30m;Europe/Berlin', autumn, ['24T00:00-24T01:00', '25T00:00-25T02:00', '26T01:00-26T02:00']],
    ['0 1 * * *;2h;Europe/Berlin', autumn, ['23T23:00-24T01:00', '24T23:00-25T01:00', '26T00:00-26T02:00']],
    ['0 3 * * *;1h;Europe/Berlin', autumn, ['24T01:00-24T02:00', '25T02:00-25T03:00', '26T02:00-26T03:00']],
    // 2026-03-08: 02:00 EST is 03:00 EDT, at 07:00Z.
    ['30 2 * * *;1h;America/New_York', springNewYork, ['07T07:30-07T08:30', '08T07:00-08T08:00', '09T06:30-09T07:30']],
    ['*/30 2 * * *;30m;America/New_York', springNewYork, ['07T07:00-07T08:00', '09T06:00-09T07:00']],
    // 2026-11-01: 02:00 EDT is 01:00 EST, at 06:00Z.
    ['30 1 * * *;1h;America/New_York', autumnNewYork, ['31T05:30-31T06:30', '01T05:30-01T06:30', '02T06:30-02T07:30']],
    [
      '*/30 1 * * *;30m;America/New_York',
      autumnNewYork,
      ['31T05:00-31T06:00', '01T05:00-01T07:00', '02T06:00-02T07:00'],
    ],
  ])('%s, from %s, opens at %s', (window, [from, to], spans) => {
    expect(listSpans(from, to, (now) => nextOpening(now, windowOf(window), undefined).isOpen)).toEqual(spans);
  });

  test.each([
    ['the day has 23 hours', '2026-03-29;Europe/Berlin', ['28T23:00-29T22:00']],
    ['the day has 25 hours', '2026-10-25;Europe/Berlin', ['24T22:00-25T23:00']],
    ['the day has 23 hours', '2026-03-08;America/New_York', ['08T05:00-09T04:00']],
    ['the day has 25 hours', '2026-11-01;America/New_York', ['01T04:00-02T05:00']],
    ['there is no midnight', '2018-11-04;America/Sao_Paulo', ['04T03:00-05T02:00']],
    ['there is no midnight on the next day', '2018-11-03;America/Sao_Paulo', ['03T03:00-04T03:00']],
    ['it is midnight twice', '2018-11-04;America/Havana', ['04T04:00-05T05:00']],
    ['it is 23 o’clock twice', '2018-02-17;America/Sao_Paulo', ['17T02:00-18T03:00']],
    ['the day is skipped', '2011-12-30;Pacific/Apia', []],
    ['the next day is skipped', '2011-12-29;Pacific/Apia', ['29T10:00-30T10:00']],
  ])('and %s, %s is frozen at %s', (_why, text, spans) => {
    const noon = Date.parse(`${text.slice(0, 10)}T12:00Z`);
    const freezes = freezesOf(text);

    const found = listSpans(noon - 2 * DAY, noon + 2 * DAY, (now) => !nextOpening(now, undefined, freezes).isOpen);

    expect(found).toEqual(spans);
  });
});

describe('the zone of the process', () => {
  const before = process.env['TZ'];

  afterEach(() => {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  });

  test('makes no difference', () => {
    const offsets = new Set<number>();
    const answers = new Set<string>();

    for (const zone of ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia']) {
      process.env['TZ'] = zone;
      offsets.add(new Date('2026-11-26T12:00Z').getTimezoneOffset());
      answers.add(JSON.stringify(listAnswers()));
    }

    expect(offsets.size).toBe(5);
    expect(answers.size).toBe(1);
  });
});

describe('whatever is configured', () => {
  const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu');
  const durations = fc.constantFrom('15m', '45m', '1h', '90m', '4h', '24h', '3d', '7d');
  const crons = fc
    .tuple(
      fc.constantFrom('0', '30', '5,35', '*/15', '*', '10-50/20'),
      fc.constantFrom('*', '0', '2', '22', '1-3', '*/6', '0,12'),
      fc.constantFrom('*', '*', '1', '13', '28-31', '*/10', '29'),
      fc.constantFrom('*', '*', '3,10,11', 'FEB', '*/2'),
      fc.constantFrom('*', '*', '1-5', 'SUN', '0,6', '7'),
    )
    .map((fields) => fields.join(' '));
  const windows = fc.tuple(crons, durations, zones).map((parts) => windowOf(parts.join(';')));
  const lastDay = Date.UTC(2029, 11, 31) / DAY;
  const ranges = fc
    .tuple(fc.integer({ min: Date.UTC(2026, 0, 1) / DAY, max: lastDay }), fc.constantFrom(0, 0, 1, 6, 30, 1500))
    .map(([first, length]) => `${toDay(first * DAY)}/${toDay((first + length) * DAY)}`);
  const freezes = fc
    .tuple(fc.array(ranges, { minLength: 1, maxLength: 12 }), zones)
    .map(([list, zone]) => freezesOf(`${list.join()};${zone}`));
  const changes = ['2026-03-08T07:00Z', '2026-03-29T01:00Z', '2026-10-25T01:00Z', '2026-11-01T06:00Z'].map(Date.parse);
  const moments = fc.oneof(
    fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2028, 0, 1) }),
    fc.tuple(fc.constantFrom(...changes), fc.integer({ min: -4 * HOUR, max: 4 * HOUR })).map(([at, by]) => at + by),
  );
  const fractions = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 10 });

  test('it is open when it is said to open, and at no time before', () => {
    const seen = { open: 0, opening: 0, never: 0 };

    fc.assert(
      fc.property(
        moments,
        fc.option(windows, { nil: undefined }),
        fc.option(freezes, { nil: undefined }),
        fractions,
        (start, window, frozen, between) => {
          const ask = (moment: number) => nextOpening(new Date(moment), window, frozen);
          const opening = ask(start);
          if (opening.isOpen) {
            seen.open += 1;
            return;
          }
          seen[opening.opensAt === undefined ? 'never' : 'opening'] += 1;
          const end = opening.opensAt?.getTime() ?? start + TWO_YEARS + 1;
          expect(end).toBeGreaterThan(start);
          expect(opening.reason === 'frozen').toBe(!nextOpening(new Date(start), undefined, frozen).isOpen);
          expect(opening.opensAt === undefined || ask(end).isOpen).toBe(true);
          for (const moment of [...between.map((part) => start + Math.floor(part * (end - start))), end - 1]) {
            expect(ask(moment)).toMatchObject({ isOpen: false, ...(opening.opensAt && { opensAt: opening.opensAt }) });
          }
        },
      ),
      { numRuns: 500 },
    );

    expect(Math.min(seen.open, seen.opening, seen.never)).toBeGreaterThan(0);
  });

  test('it is open as far as arithmetic goes where no clock changes', () => {
    const weekdays = fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 });
    const lengths = fc.integer({ min: 15, max: 1440 });
    let open = 0;

    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 59 }),
        fc.integer({ min: 0, max: 23 }),
        weekdays,
        lengths,
        moments,
        (minute, hour, days, length, now) => {
          const starts = [0, 1]
            .map((back) => Math.floor(now / DAY) - back)
            .filter((day) => days.includes(new Date(day * DAY).getUTCDay()))
            .map((day) => day * DAY + hour * HOUR + minute * MINUTE);
          const isOpen = starts.some((start) => start <= now && now < start + length * MINUTE);
          open += Number(isOpen);

          const window = windowOf(`${minute} ${hour} * * ${days.join()};${length}m;UTC`);

          expect(nextOpening(new Date(now), window, undefined).isOpen).toBe(isOpen);
        },
      ),
      { numRuns: 500 },
    );

    expect(open).toBeGreaterThan(0);
  });

  test('a cron with a wildcard is open as the clock on the wall shows it', () => {
    const hours = fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 });
    let open = 0;

    fc.assert(
      fc.property(zones, hours, fc.constantFrom(10, 20, 30), moments, (zone, list, step, now) => {
        const clock = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' });
        const isStart = (moment: number): boolean => {
          const [hour, minute] = clock.format(moment).split(':').map(Number);
          return hour !== undefined && minute !== undefined && list.includes(hour) && minute % step === 0;
        };
        const lastMinutes = Array.from({ length: 15 }, (_, back) => (Math.floor(now / MINUTE) - back) * MINUTE);
        const isOpen = lastMinutes.some((moment) => isStart(moment));
        open += Number(isOpen);

        const window = windowOf(`*/${step} ${list.join()} * * *;15m;${zone}`);

        expect(nextOpening(new Date(now), window, undefined).isOpen).toBe(isOpen);
      }),
      { numRuns: 500 },
    );

    expect(open).toBeGreaterThan(0);
  });

  test('neither parser throws, and what it reads is what was written', () => {
    const pieces = fc.constantFrom(
      '0 22 * * 1-5',
      '4h',
      'Europe/Berlin',
      'UTC',
      '2026-12-24',
      '2027-01-03',
      ';',
      ',',
      '/',
      '-',
      '*',
      ' ',
      '0',
      '9',
      '7d',
      'L',
      'W',
      '#',
      '?',
      '+',
      '@daily',
      '\uFEFF',
      '\0',
      '\uD800',
      '-1',
      '1e9',
      '__proto__',
    );
    const texts = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map((parts) => parts.join('')),
      fc.array(pieces, { minLength: 3, maxLength: 3 }).map((parts) => parts.join(';')),
      fc.string().map((text) => `${text};4h;UTC`),
      fc.constantFrom('0 22 * * 1-5;4h;Europe/Berlin', '2026-12-24;UTC'),
      fc.tuple(fc.nat(30), pieces).map(([at, piece]) => {
        const valid = '0 22 * * 1-5;4h;Europe/Berlin';
        return valid.slice(0, at) + piece + valid.slice(at + 1);
      }),
      fc.tuple(fc.nat(50), pieces).map(([at, piece]) => {
        const valid = '2026-12-20/2027-01-03,2027-04-02;Europe/Berlin';
        return valid.slice(0, at) + piece + valid.slice(at + 1);
      }),
    );
    const seen = { windows: 0, freezes: 0 };

    fc.assert(
      fc.property(texts, (text) => {
        const window = parseMaintenanceWindow(text);
        const frozen = parseFreezes(text);
        seen.windows += Number(window !== undefined);
        seen.freezes += Number(frozen !== undefined);
        expect([text, undefined]).toContain(window?.text);
        expect([text, undefined]).toContain(frozen?.text);
        // Whatever was accepted can be asked.
        nextOpening(new Date('2026-11-26T12:00Z'), window, frozen);
      }),
      { numRuns: 3000 },
    );

    expect(seen.windows).toBeGreaterThan(0);
    expect(seen.freezes).toBeGreaterThan(0);
  });
});

function toDay(moment: number): string {
  return new Date(moment).toISOString().slice(0, 10);
}

/** Stretches of time during which the condition holds, as `ddThh:mm-ddThh:mm` in UTC, looked at every 15 minutes and just before. */
function listSpans(from: string | number, to: string | number, holds: (now: Date) => boolean): string[] {
  const spans: string[] = [];
  let since: number | undefined;
  const end = new Date(to).getTime();
  for (let moment = new Date(from).getTime(); moment <= end; moment += 15 * MINUTE) {
    // Nothing begins or ends between two looks.
    expect(holds(new Date(moment - 1))).toBe(since !== undefined);
    if (holds(new Date(moment))) since ??= moment;
    else if (since !== undefined) {
      spans.push([since, moment].map((edge) => new Date(edge).toISOString().slice(8, 16)).join('-'));
      since = undefined;
    }
  }
  return spans;
}

/** Days since 1970-01-01. */
function countDays(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / DAY;
}

/** Around every change of the clock in the zones of the windows and of the process. */
function listAnswers(): string[] {
  const changes = [
    '2026-03-08T07:00Z',
    '2026-03-29T01:00Z',
    '2026-04-04T15:00Z',
    '2026-10-03T15:30Z',
    '2026-10-25T01:00Z',
    '2026-11-01T06:00Z',
  ];
  const windows = ['30 2 * * *;1h;Europe/Berlin', '30 1 * * *;1h;America/New_York', '*/30 2 * * *;30m;UTC'];
  return changes.flatMap((change) =>
    windows.flatMap((window) =>
      [-26, -2, -1, 0, 1, 2].map((hours) =>
        describeOpening(new Date(Date.parse(change) + hours * HOUR), window, `${change.slice(0, 10)};Europe/Berlin`),
      ),
    ),
  );
}
