import { readdirSync, readFileSync } from 'node:fs';
import { EventGridDeserializer } from '@azure/eventgrid';
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../src/events/parse-message.ts';

const folder = new URL('../fixtures/events/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));

/** Number of events that the vendor's own reader finds; undefined when it refuses the text. */
async function readBySdk(text: string): Promise<number | undefined> {
  const deserializer = new EventGridDeserializer();
  const isCloudEvent = text.includes('"specversion"');
  try {
    const events = isCloudEvent
      ? await deserializer.deserializeCloudEvents(text)
      : await deserializer.deserializeEventGridEvents(text);
    return events.length;
  } catch {
    return undefined;
  }
}

describe('our envelopes', () => {
  it('hold every event that the vendor SDK reads, one result each', async () => {
    let compared = 0;
    for (const name of names) {
      const text = readFileSync(new URL(name, folder), 'utf8');
      const count = await readBySdk(text);
      if (count === undefined) continue;
      compared += 1;
      const events = parseMessage(JSON.parse(text), { actorNames: false });
      expect({ name, count: events.length }).toEqual({ name, count });
      const refused = events.filter((event) => event.result === 'invalid' && event.reason === 'unknown-envelope');
      expect({ name, refused }).toEqual({ name, refused: [] });
    }
    expect(compared).toBeGreaterThan(5);
  });
});
