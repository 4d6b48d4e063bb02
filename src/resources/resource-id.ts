import { DockwardenError } from '../errors.ts';
import { coveredType, type ResourceType } from './resource-map.ts';

/** The resource of ours that an ARM id belongs to: the longest chain of types that is covered, so a vault's key and not its vault. */
export interface ResourceId {
  /** The root's id as Azure spelt it, without a trailing slash. */
  readonly id: string;
  /** The id in lower case: what everything is keyed on. Parsing a key gives the same key. */
  readonly key: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** The covered type in Azure's spelling. */
  readonly type: ResourceType;
  /** As ARM composes it: `vault/key` for a key of a vault. */
  readonly name: string;
}

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Longest id that we accept; ARM's own limits sum up to less. */
const MAX_LENGTH = 2048;
/** Segments of `/subscriptions/{id}/resourceGroups/{name}/providers/{namespace}/{type}/{name}`. */
const ROOT_SEGMENTS = 8;
/** Resource group names: letters and digits of any script, `-`, `_`, `.`, parentheses, at most 90, no full stop at the end. */
const RESOURCE_GROUP = /^[\p{L}\p{N}._()-]{0,89}[\p{L}\p{N}_()-]$/u;
/**
 * Names by type, as the providers' own API specifications restrict them. The least length is left to Azure: it protects nothing here,
 * and a name that is too short is simply not found.
 */
const NAMES: Readonly<Record<ResourceType, RegExp>> = {
  'Microsoft.ContainerRegistry/registries': /^[a-z0-9]{1,50}$/i,
  'Microsoft.ContainerService/managedClusters': /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/i,
  'Microsoft.ContainerInstance/containerGroups': /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i,
  'Microsoft.KeyVault/vaults': /^[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?$/i,
  'Microsoft.KeyVault/vaults/keys': /^[a-z0-9-]{1,127}$/i,
};
/** `{namespace}/{type}`. */
const TYPE = /^[a-z.]+\/[a-z]+$/i;
/** A segment below the root is only dropped, so it may hold whatever some provider allows (`system:node`, blanks) but nothing that ends or hides a path. */
const CHILD = /^[^\p{C}\p{Zl}\p{Zp}/\\?#%<>]+$/u;

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
  if (subscriptionId === undefined || !GUID.test(subscriptionId)) {
    throw invalid(text, 'the subscription id is not a GUID');
  }
  if (resourceGroup === undefined || !isResourceGroupName(resourceGroup)) {
    throw invalid(text, 'the resource group name is not valid');
  }
  if (name === undefined || segments.length % 2 !== 0) throw invalid(text, 'the number of segments is odd');
  const typeText = `${namespace}/${typeName}`;
  // Policies forgive blanks around a type; an id becomes a URL and forgives nothing.
  const type = TYPE.test(typeText) ? coveredType(typeText) : undefined;
  if (type === undefined) throw invalid(text, 'its type is not covered');
  if (!NAMES[type].test(name)) throw invalid(text, `the name is not valid for ${type}`);
  const id = `/${segments.slice(0, ROOT_SEGMENTS).join('/')}`;
  const root = { id, key: id.toLowerCase(), subscriptionId, resourceGroup, type, name };
  return withChild(text, root, segments);
}

/** Goes down to the child, where that is covered by itself. */
function withChild(text: string, root: ResourceId, segments: readonly string[]): ResourceId {
  const [childType, childName] = segments.slice(ROOT_SEGMENTS);
  if (childType === undefined || childName === undefined) return root;
  const type = coveredType(`${root.type}/${childType}`);
  if (type === undefined || childType.trim() !== childType) return root;
  if (!NAMES[type].test(childName)) throw invalid(text, `the name is not valid for ${type}`);
  const id = `${root.id}/${childType}/${childName}`;
  return { ...root, id, key: id.toLowerCase(), type, name: `${root.name}/${childName}` };
}

/** The resource that it lies in: the vault of a key; itself where it lies in none. */
export function parentOf(target: ResourceId): ResourceId {
  return parseResourceId(
    target.id
      .split('/')
      .slice(0, ROOT_SEGMENTS + 1)
      .join('/'),
  );
}

/** The same, and undefined instead of an error: for what need not be about a covered resource. */
export function findResourceId(text: string): ResourceId | undefined {
  try {
    return parseResourceId(text);
  } catch {
    return undefined;
  }
}

/** Is this the id of the root resource itself, and not of a child or an extension of it? */
export function isRootId(text: string, root: ResourceId): boolean {
  return withoutTrailingSlash(text).toLowerCase() === root.key;
}

/** Does the text mention a covered type at all? Lenient, so that an odd id of a covered type is reported and not ignored. */
export function mentionsCoveredType(text: string): boolean {
  const parts = text.toLowerCase().split('/providers/').slice(1);
  return parts.some((part) => coveredType(part.split('/').slice(0, 2).join('/')) !== undefined);
}

function splitSegments(text: string): readonly string[] {
  if (text.length > MAX_LENGTH) throw invalid(text, `it has more than ${MAX_LENGTH} characters`);
  if (!text.startsWith('/')) throw invalid(text, 'it does not start with /');
  const segments = withoutTrailingSlash(text).slice(1).split('/');
  for (const segment of segments) {
    if (segment === '') throw invalid(text, 'it has an empty segment');
  }
  for (const segment of segments.slice(ROOT_SEGMENTS)) {
    if (!isChildSegment(segment)) throw invalid(text, 'it has a segment that ARM does not allow');
  }
  return segments;
}

/**
 * Letters of other scripts are legal in a group's name, so look-alikes of ASCII are told apart from real letters by normalisation (a full-width
 * `ａ`, the Kelvin sign), and letters whose lower case is no letter any more (`İ`) are refused because the key could not be parsed again.
 */
function isResourceGroupName(name: string): boolean {
  return RESOURCE_GROUP.test(name) && RESOURCE_GROUP.test(name.toLowerCase()) && name.normalize('NFKC') === name;
}

/** Percent-encoded text is judged as what it stands for: an encoded slash or `..` is as bad as a plain one. */
function isChildSegment(segment: string): boolean {
  try {
    const decoded = decodeURIComponent(segment);
    return CHILD.test(decoded) && !/^\.+$/.test(decoded.trim());
  } catch {
    return false;
  }
}

function withoutTrailingSlash(text: string): string {
  return text.endsWith('/') ? text.slice(0, -1) : text;
}

function is(segment: string | undefined, wanted: string): boolean {
  return segment?.toLowerCase() === wanted;
}

function invalid(text: string, why: string): DockwardenError {
  const shown = JSON.stringify(text.slice(0, 200).toWellFormed());
  return new DockwardenError('INPUT_INVALID_RESOURCE_ID', `not a resource id of ours: ${why}: ${shown}`);
}
