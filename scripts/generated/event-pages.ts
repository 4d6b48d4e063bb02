import * as z from 'zod';
import { type EventFamily, eventFamilies } from '../../src/outbound/event-families.ts';
import { code, generatedNote, joinBlocks, table } from './markdown.ts';

/** The schemas of Dockwarden's own events, one for each family, and a page that lists them: path relative to the project → content. */
export function renderEventFiles(): readonly [path: string, content: string][] {
  return [
    ...eventFamilies.map((family): [string, string] => [
      `docs/events/${family.id}.schema.json`,
      `${JSON.stringify(renderSchema(family), undefined, 2)}\n`,
    ]),
    ['docs/events/README.md', renderPage()],
  ];
}

/** Names may be added to what a schema describes, so it refuses none. */
function renderSchema({ types, Data }: EventFamily): object {
  const event = z.object({
    specversion: z.literal('1.0'),
    id: z.string().min(1).describe('PartitionKey/RowKey of the row of the audit: drop an id that you know'),
    source: z.string().min(1).describe('/subscriptions/<id>/providers/dockwarden'),
    type: z.enum(Object.keys(types)),
    subject: z.string().min(1).describe('Id of the resource, else the guard or the setting'),
    time: z.string().describe('When the row was written, ISO 8601 in UTC'),
    datacontenttype: z.literal('application/json'),
    data: Data,
  });
  return z.toJSONSchema(event, { io: 'input' });
}

function renderPage(): string {
  const families = eventFamilies.flatMap(({ id, title, types, Data }) => [
    `## ${title}`,
    table(
      ['Type', 'Meaning'],
      Object.entries(types).map(([type, meaning]) => [code(type), meaning]),
    ),
    `Schema: [${id}.schema.json](${id}.schema.json). In \`data\`:`,
    table(
      ['Name', 'Always there', 'Meaning'],
      Object.entries(Data.shape).map(([name, schema]) => [
        code(name),
        z.safeParse(schema, undefined).success ? '' : 'yes',
        z.globalRegistry.get(schema)?.description ?? '',
      ]),
    ),
  ]);
  return joinBlocks(
    generatedNote,
    '# Events that Dockwarden publishes',
    'CloudEvents 1.0 for a custom topic of Event Grid. How to switch them on, and what is promised of their delivery, is in [publishing.md](../publishing.md).',
    ...families,
  );
}
