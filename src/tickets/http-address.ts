import { TicketError } from './ticket-system.ts';

/** An address below `base` (which may have a path of its own); every segment stays one. Rejects what would lead elsewhere. */
export function createAddress(
  base: string,
  segments: readonly string[],
  query: Readonly<Record<string, string>> = {},
): URL {
  const url = URL.parse(base);
  if (url === null) throw new TicketError('invalid', 'the base address of the ticket system is no address');
  if (segments.some((segment) => /^\.{0,2}$/.test(segment)))
    throw new TicketError('invalid', 'a name in the address of the ticket system is empty or leads elsewhere');
  url.pathname = [url.pathname.replace(/\/+$/, ''), ...segments.map(encodeSegment)].join('/');
  url.search = keepDollar(new URLSearchParams(query).toString());
  url.hash = '';
  return url;
}

function encodeSegment(segment: string): string {
  return keepDollar(encodeURIComponent(segment.toWellFormed()));
}

/** Azure DevOps writes it before the type of a work item and before `top`; it needs no encoding in either place. */
function keepDollar(text: string): string {
  return text.replaceAll('%24', '$');
}
