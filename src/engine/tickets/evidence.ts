import type { Evidence } from '../../policy/define-policy.ts';
import { isPlainObject, parseJson } from '../../resources/lenient.ts';
import type { Ticket } from '../../tickets/ticket.ts';

/** The evidence of a stored ticket; what somebody has damaged reads as nothing. */
export function evidenceOf({ evidence }: Pick<Ticket, 'evidence'>): Evidence {
  const value = parseJson(evidence);
  if (!isPlainObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string | number | boolean | null] => isPlain(entry[1])),
  );
}

function isPlain(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
