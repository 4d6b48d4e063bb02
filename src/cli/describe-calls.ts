/** The writes among recorded calls, one line each; text that is no list of calls as it is. */
export function describeCalls(operations: string): readonly string[] {
  try {
    const calls: unknown = JSON.parse(operations);
    if (!Array.isArray(calls)) return [operations];
    return calls
      .filter((call: unknown) => fieldOf(call, 'effect') !== 'read')
      .map((call: unknown) => {
        const args = fieldOf(call, 'args');
        return [
          String(fieldOf(call, 'operation')),
          ...(Array.isArray(args) ? args.map((arg) => JSON.stringify(arg)) : []),
        ].join(' ');
      });
  } catch {
    return [operations];
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
