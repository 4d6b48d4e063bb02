import type { InvocationContext } from '@azure/functions';
import type { Log } from '../engine/ports.ts';

function line(message: string, details: Readonly<Record<string, unknown>> | undefined): string {
  return details === undefined ? message : `${message} ${JSON.stringify(details)}`;
}

/** Log lines of one invocation: a static message, then what it is about as JSON. */
export function functionLog(context: InvocationContext): Log {
  return {
    debug: (message, details) => {
      context.debug(line(message, details));
    },
    info: (message, details) => {
      context.info(line(message, details));
    },
    warn: (message, details) => {
      context.warn(line(message, details));
    },
    error: (message, details) => {
      context.error(line(message, details));
    },
  };
}
