import { expect, test } from 'vitest';
import { isFinal, readFailure, readStatus, retryDelay } from '../../local/event-grid/retry.ts';
import { createManualScheduler } from '../../local/event-grid/scheduler.ts';

test('waits grow along the published schedule and repeat its last step', () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 30].map(
    (attempts) => retryDelay(attempts, readStatus(500), 0) / 1000,
  );

  expect(waits).toEqual([10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200, 43_200, 43_200]);
});

test('some codes wait longer at least, and every wait is stretched a little', () => {
  expect([404, 408, 503, 500].map((status) => retryDelay(1, readStatus(status), 0) / 1000)).toEqual([300, 120, 30, 10]);
  expect(retryDelay(1, readStatus(500), 0.5)).toBe(10_500);
});

test('only five codes are a success, and some make another attempt pointless', () => {
  const delivered = [200, 201, 202, 203, 204, 206, 301, 500].filter((status) => readStatus(status).delivered);
  const codes = [400, 401, 403, 404, 408, 413, 500, 503];

  expect(delivered).toEqual([200, 201, 202, 203, 204]);
  expect(codes.filter((status) => isFinal(readStatus(status), 'webhook'))).toEqual([400, 401, 403, 413]);
  expect(codes.filter((status) => isFinal(readStatus(status), 'azureResource'))).toEqual([400, 403, 413]);
});

test('failures without an answer are told apart', () => {
  const outcomes = [
    new DOMException('late', 'TimeoutError'),
    new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ENOTFOUND' }) }),
    new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) }),
  ].map((error) => readFailure(error).outcome);

  expect(outcomes).toEqual(['TimedOut', 'ResolutionError', 'SocketError']);
});

test('a manual scheduler runs what falls due in order, including what that schedules', () => {
  const scheduler = createManualScheduler(new Date(0));
  const ran: string[] = [];
  const note = (name: string) => () => {
    ran.push(`${name} ${scheduler.now().getTime()}`);
    if (name === 'first') scheduler.schedule(note('nested'), 5);
  };
  scheduler.schedule(note('second'), 20);
  scheduler.schedule(note('first'), 10);
  scheduler.schedule(note('cancelled'), 10)();
  scheduler.schedule(note('later'), 31);

  scheduler.advance(30);

  expect(ran).toEqual(['first 10', 'nested 15', 'second 20']);
  expect(scheduler.now().getTime()).toBe(30);
});
