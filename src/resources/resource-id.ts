import { DockwardenError } from '../errors.ts';
import { coveredType, type ResourceType } from './resource-map.ts';

/** The root resource of an ARM id (`facts`: the shortest prefix whose type is covered). */
export interface ResourceId {
  /** The root's id as Azure spelt it, without a trailing slash. */
  readonly id: string;
  /** The id in lower case: what everything is keyed on. */
  readonly key: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** The covered type in Azure's spelling. */
  readonly type: ResourceType;
  readonly name: string;
}

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Longest id that we accept; ARM's own limits sum up to less. */
const MAX_LENGTH = 2048;
/** What ARM accepts in a segment of a resource id, for the types that we cover; nothing that could change a URL. */
const SEGMENT = /^[\p{L}\p{N}._()\-]+$/u;

/**
 * Parses any id that belongs to a covered resource – its own, a child's, an extension's – to that root resource.
 * Throws `INPUT_INVALID_RESOURCE_ID` for anything else; the message never repeats more than 200 characters of the input.
 */
export function parseResourceId(text: string): ResourceId {
  const segments = splitSegments(text);
  const [subscriptions, subscriptionId, groups, resourceGroup, providers, namespace, typeName, name] = segments;
  if (!is(subscriptions, 'subscriptions') || !is(groups, 'resourcegroups') || !is(providers, 'providers')) {
    throw invalid(text, 'it does not start with /subscriptions/{id}/resourceGroups/{name}/providers/');
  }
  if (subscriptionId === undefined || !GUID.test(subscriptionId)) throw invalid(text, 'the subscription id is not a GUID');
  if (resourceGroup === undefined || resourceGroup.length > 90 || resourceGroup.endsWith('.')) {
    throw invalid(text, 'the resource group name is not valid');
  }
  if (name === undefined || segments.length % 2 !== 0) throw invalid(text, 'the number of segments is odd');
  const type = coveredType(`${namespace}/${typeName}`);
  if (type === undefined) throw invalid(text, `the type ${namespace}/${typeName} is not covered`);
  const id = `/${segments.slice(0, 8).join('/')}`;
  return { id, key: id.toLowerCase(), subscriptionId, resourceGroup, type, name };
}

/** Does the text mention a covered type at all? Lenient, so that an odd id of a covered type is reported and not ignored. */
export function mentionsCoveredType(text: string): boolean {
  const parts = text.toLowerCase().split('/providers/').slice(1);
  return parts.some((part) => coveredType(part.split('/').slice(0, 2).join('/')) !== undefined);
}

function splitSegments(text: string): readonly string[] {
  if (text.length > MAX_LENGTH) throw invalid(text, `it has more than ${MAX_LENGTH} characters`);
  if (!text.startsWith('/')) throw invalid(text, 'it does not start with /');
  const trimmed = text.endsWith('/') ? text.slice(0, -1) : text;
  const segments = trimmed.slice(1).split('/');
  for (const segment of segments) {
    if (segment === '') throw invalid(text, 'it has an empty segment');
    if (/^\.+$/.test(segment)) throw invalid(text, 'it has a relative segment');
    if (!SEGMENT.test(segment)) throw invalid(text, 'it has a character that ARM does not allow in names');
  }
  return segments;
}

function is(segment: string | undefined, wanted: string): boolean {
  return segment?.toLowerCase() === wanted;
}

function invalid(text: string, why: string): DockwardenError {
  const shown = JSON.stringify(text.slice(0, 200));
  return new DockwardenError('INPUT_INVALID_RESOURCE_ID', `not a resource id of ours: ${why}: ${shown}`);
}
