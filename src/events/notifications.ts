import * as z from 'zod';
import { isPlainObject, lenient, lenientObject } from '../resources/lenient.ts';
import { coveredType } from '../resources/resource-map.ts';
import type { Envelope } from './envelope.ts';

/** An event that is about a resource and proves no change by anybody: where it says which resource, and when. */
export interface Notification {
  /** Undefined = the event does not say. */
  readonly resourceId: string | undefined;
  /** Not set = the envelope's. */
  readonly time?: string | undefined;
  /** It says that this very resource was deleted. */
  readonly isDeletion?: true;
}

/** One kind of notification: the types that it has, in lower case, and how it is read. */
interface Kind {
  readonly types: RegExp;
  read(envelope: Envelope): Notification;
}

const NotifiedResource = lenientObject({ resourceInfo: lenientObject({ id: lenient(z.string().min(1)) }) });
const PolicyState = lenientObject({ timestamp: lenient(z.string()) });

/** What is listened to besides the events of Azure Resource Manager (`docs/triggers.md`). */
const KINDS: readonly Kind[] = [
  {
    // The body is at an api-version of the sender's choosing, with booleans as 1 and 0: it is never judged, only the id is taken.
    types: /^microsoft\.resourcenotifications\.resources\.(?:createdorupdated|deleted)$/,
    read: ({ data, subject, type }) => ({
      resourceId: NotifiedResource.parse(data).resourceInfo.id ?? subject,
      ...(type.toLowerCase().endsWith('.deleted') && { isDeletion: true }),
    }),
  },
  {
    // `resourceInfo.id` lacks a part in some of them; the subject does not.
    types: /^microsoft\.resourcenotifications\.containerserviceeventresources\.scheduledeventemitted$/,
    read: ({ subject }) => ({ resourceId: subject }),
  },
  {
    // Published with a blank at the end, too. The source may be a management group; the order is that of `data.timestamp`.
    types: /^microsoft\.policyinsights\.policystate(?:created|changed) ?$/,
    read: ({ data, subject }) => ({ resourceId: subject, time: PolicyState.parse(data).timestamp }),
  },
  {
    types:
      /^microsoft\.containerservice\.(?:clustersupport(?:ending|ended)|newkubernetesversionavailable|nodepoolrolling(?:started|succeeded|failed))$/,
    read: ({ source }) => ({ resourceId: source }),
  },
  {
    types: /^microsoft\.keyvault\.key(?:newversioncreated|nearexpiry|expired)$/,
    read: ({ data, source }) => {
      const name = readKeyName(data);
      return { resourceId: name === undefined ? undefined : `${source}/keys/${name}` };
    },
  },
];

/** Older events of registries have no prefix: they count only where the source is a registry. */
const IMAGE_EVENTS = /^(?:microsoft\.containerregistry\.)?(?:image(?:pushed|deleted)|chart(?:pushed|deleted))$/;

/** Undefined = a type that nothing listens to. */
export function readNotification(envelope: Envelope, isImageWatched: boolean): Notification | undefined {
  const type = envelope.type.toLowerCase();
  const kind = KINDS.find(({ types }) => types.test(type));
  if (kind !== undefined) return kind.read(envelope);
  if (!isImageWatched || !IMAGE_EVENTS.test(type) || !isRegistry(envelope.source)) return undefined;
  return { resourceId: envelope.source };
}

function isRegistry(source: string): boolean {
  const [, type = ''] = /\/providers\/([^/]+\/[^/]+)\/[^/]+$/i.exec(source) ?? [];
  return coveredType(type) === 'Microsoft.ContainerRegistry/registries';
}

/** Names and values come with blanks around them, and in two casings. */
function readKeyName(data: unknown): string | undefined {
  if (!isPlainObject(data)) return undefined;
  const [, name] = Object.entries(data).find(([key]) => key.trim().toLowerCase() === 'objectname') ?? [];
  return typeof name === 'string' && name.trim() !== '' ? name.trim() : undefined;
}
