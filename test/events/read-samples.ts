import type { ParsedInput } from '../../src/events/parse-message.ts';

/** What became of a sample, in one line that a table can hold: the root and its key, kind and operation of the cause, or the reason. */
export function describeInput(input: ParsedInput): string {
  if (input.result !== 'cause') return `${input.result} ${input.reason}`;
  const { alert, cause, resourceId } = input;
  return [
    cause.kind,
    resourceId.name,
    cause.operation,
    ...(cause.deleted === true ? ['deleted'] : []),
    ...(alert === undefined ? [] : [`${alert.severity} ${alert.status}`]),
  ].join(' ');
}
