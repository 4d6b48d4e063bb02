import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ErrorCode, isDockwardenError } from '../../src/errors.ts';

/** How the messages of one queue are written and read, and what is to be known about it. */
export interface MessageFormat<T> {
  readonly format: (message: T) => string;
  readonly parse: (message: unknown) => T;
  readonly message: T;
  readonly refused: readonly (readonly [what: string, message: unknown])[];
  /** What every refusal says; default: anything. */
  readonly refusal?: string;
  /** The one error that whatever arrives may lead to; default: any of ours. */
  readonly onlyError?: ErrorCode;
}

/** What reading a message leads to, be it an error. */
export function answerTo(parse: (message: unknown) => unknown, message: unknown): unknown {
  try {
    return parse(message);
  } catch (error) {
    return error;
  }
}

/** The tests that every format of messages has to pass. */
export function testMessageFormat<T>(tested: MessageFormat<T>): void {
  const { format, parse, refused, refusal = '', onlyError } = tested;

  test('a message comes back as it was sent, in every form that the host may hand over', () => {
    const text = format(tested.message);

    for (const form of [text, JSON.parse(text) as unknown, Buffer.from(text), Buffer.from(text).toString('base64')])
      expect(parse(form)).toEqual(tested.message);
  });

  test.each(refused)('%s is refused without being repeated', (_what, message) => {
    const error = answerTo(parse, message);

    expect(isDockwardenError(error, 'INPUT_INVALID_MESSAGE')).toBe(true);
    expect(String(error)).toContain(refusal);
    expect(String(error)).not.toContain('s3cret');
  });

  test('whatever arrives leads to a message or to a typed error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.json(), fc.string()), (message) => {
        const answer = answerTo(parse, message);
        expect(isDockwardenError(answer, onlyError) || !(answer instanceof Error)).toBe(true);
      }),
    );
  });
}
