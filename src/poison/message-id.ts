/** Containers of messages that nobody could handle: those that we gave up, and those that Event Grid could not deliver. */
export const messageKinds = ['poison', 'dead-letter'] as const;
export type MessageKind = (typeof messageKinds)[number];

/** A message by where it lies. */
export interface MessagePlace {
  readonly kind: MessageKind;
  /** Name of the blob; of poison `<queue>/<hash>`. */
  readonly name: string;
}

/** Longest name of a blob, in characters. */
const MAX_NAME = 1024;
/** One part of a name: nothing that a URL or a terminal would read as something else. */
const PART = /^[^/\\?#%\p{C}]+$/u;

/** `<container>/<blob name>` as lists and audit rows name a message; undefined for anything else, such as a path that leads out. */
export function parseMessageId(id: string): MessagePlace | undefined {
  const [container, ...parts] = id.split('/');
  const kind = messageKinds.find((known) => known === container);
  const name = parts.join('/');
  const isName = parts.length > 0 && name.length <= MAX_NAME && parts.every(isPart);
  return kind === undefined || !isName ? undefined : { kind, name };
}

export function formatMessageId({ kind, name }: MessagePlace): string {
  return `${kind}/${name}`;
}

function isPart(part: string): boolean {
  return PART.test(part) && part !== '.' && part !== '..';
}
