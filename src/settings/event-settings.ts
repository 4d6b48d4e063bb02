import { parseReceiver } from './formats.ts';
import type { ReadSetting } from './read-setting.ts';
import { defineSetting } from './setting.ts';
import { isEventGridHost } from './ticket-formats.ts';

/** Where Dockwarden's own events go. */
export interface EventSettings {
  /** Address of the custom topic; undefined = nothing is published. */
  readonly topic: string | undefined;
  /** An address is set and cannot be read: what is to be published waits until it is put right, or is given up after seven days. */
  readonly isUnclear: boolean;
}

/** The settings of publishing. */
export const eventSettings = {
  topic: defineSetting<string | undefined>({
    name: 'EVENTS_TOPIC_ENDPOINT',
    description:
      'Custom topic of Event Grid that gets outcomes, tickets, breakers, quarantines and configuration findings as CloudEvents, with a token of the identity. Not set: nothing is published.',
    format: 'https://<topic>.<region>.eventgrid.azure.net/api/events',
    default: undefined,
    examples: [
      'https://dockwarden.westeurope-1.eventgrid.azure.net/api/events',
      'https://platform.northeurope-1.eventgrid.azure.net/api/events',
    ],
    parse: parseTopic,
    consequence: 'what is to be published waits',
  }),
};

/** Reads the settings of publishing. */
export function readEvents(read: ReadSetting): EventSettings {
  const { value, isMalformed } = read(eventSettings.topic);
  return { topic: value, isUnclear: isMalformed };
}

/** Only a topic, or something on this machine, gets a token of the identity. */
function parseTopic(text: string): string | undefined {
  const address = parseReceiver(text);
  if (address === undefined) return undefined;
  const { hostname, pathname } = new URL(address);
  return pathname === '/api/events' && (isEventGridHost(address) || hostname === 'localhost') ? address : undefined;
}
