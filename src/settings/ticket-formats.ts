import type { Severity } from '../policy/define-policy.ts';
import { parseNumber } from './formats.ts';

/** Ids of a ticket system's own priorities, by severity; a severity that is absent has the system's default. */
export type Priorities = Readonly<Partial<Record<Severity, number>>>;

/** Highest id that another system may give to something. */
const MAX_ID = 999_999;

/** A number that another system gave to something of its own. */
export function parseId(text: string): number | undefined {
  return parseNumber(text, 1, MAX_ID);
}

/** Name of an organization of Azure DevOps, as it stands in the address. */
export function parseOrganization(text: string): string | undefined {
  return /^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$/i.test(text) ? text : undefined;
}

/** What Azure DevOps forbids in names of projects, besides what cannot be seen. */
const FORBIDDEN_IN_PROJECT = /[\p{C}\p{Zl}\p{Zp}\\/:*?"<>|;#${},+=[\]]/u;

/** Name of a project of Azure DevOps. */
export function parseProject(text: string): string | undefined {
  const isName = text.length <= 64 && !FORBIDDEN_IN_PROJECT.test(text) && !/^_|^\.|\.$/.test(text);
  return isName && isTidy(text) ? text : undefined;
}

/** Name of a type of work items. */
export function parseWorkItemType(text: string): string | undefined {
  return text.length <= 128 && /^[\p{L}\p{N}][\p{L}\p{M}\p{N} _-]*$/u.test(text) && isTidy(text) ? text : undefined;
}

/** What Azure DevOps forbids in names of areas, besides what cannot be seen. */
const FORBIDDEN_IN_AREA = /[\p{C}\p{Zl}\p{Zp}/$?*:"&<>#%|+]/u;

/** Path of an area: the project, then one name for each level, with `\` between them. */
export function parseAreaPath(text: string): string | undefined {
  const names = text.split('\\');
  const isPath = names.every((name) => name.length <= 255 && isTidy(name) && !FORBIDDEN_IN_AREA.test(name));
  return isPath && text.length <= 1000 ? text : undefined;
}

/** Letters of any script, but none in another width or style, and no blanks at the ends or in a row. */
function isTidy(name: string): boolean {
  return name !== '' && name.normalize('NFKC') === name && !/^\s|\s$|\s\s|[^\S ]/u.test(name);
}

/** A GitHub repository: `owner/name`. */
export function parseRepository(text: string): string | undefined {
  const [, name] = /^[a-z0-9](?:-?[a-z0-9]){0,38}\/([\w.-]{1,100})$/i.exec(text) ?? [];
  return name === undefined || /^\.{1,2}$|\.git$/i.test(name) ? undefined : text;
}

/** Identifier of a Redmine project, as it stands in the address. */
export function parseProjectIdentifier(text: string): string | undefined {
  return /^[a-z][a-z0-9_-]{0,99}$/.test(text) ? text : undefined;
}

const SEVERITIES = ['high', 'medium', 'low', 'info'] as const satisfies readonly Severity[];

/** `<severity>=<id>` separated by commas, each severity at most once. */
export function parsePriorities(text: string): Priorities | undefined {
  const priorities: Partial<Record<Severity, number>> = {};
  if (text === '') return priorities;
  for (const entry of text.split(',')) {
    const [, name, digits = ''] = /^([a-z]+)=(\d+)$/.exec(entry) ?? [];
    const severity = SEVERITIES.find((candidate) => candidate === name);
    const id = parseId(digits);
    if (severity === undefined || id === undefined || priorities[severity] !== undefined) return undefined;
    priorities[severity] = id;
  }
  return priorities;
}

/** A secret that a header can carry: printable ASCII without blanks. */
export function parseSecret(text: string, shortest: number): string | undefined {
  return text.length >= shortest && text.length <= 1024 && /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}

/** Is this the host of an Event Grid topic, which is signed in to with the identity instead of a secret? */
export function isEventGridHost(url: string): boolean {
  return /^[a-z0-9-]+\.[a-z0-9-]+\.eventgrid\.azure\.net$/.test(URL.parse(url)?.host ?? '');
}
