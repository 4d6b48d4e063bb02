import type { Evidence, PartItem } from '../policy/define-policy.ts';
import type { ResourceId } from '../resources/resource-id.ts';

/** What a ticket tells the person who gets it to do. */
export interface Advice {
  /** One sentence: what to do first. */
  readonly summary: string;
  readonly steps: readonly AdviceStep[];
}

export interface AdviceStep {
  /** Plain text for people. */
  readonly text: string;
  /** Lines for a POSIX shell, exactly as they are to be typed, and in this order. */
  readonly commands?: readonly string[];
}

/** What there is to go by. Names, ids and evidence come from Azure and from nodes: none of it is trusted. */
export interface AdviceContext {
  readonly target: ResourceId;
  /** Agent pool; empty = the whole resource. */
  readonly part: string;
  readonly evidence: Evidence;
  readonly items: readonly PartItem[];
}

/** Characters that a terminal or a ticket does not show as they are: controls, marks that turn text around, halves of characters. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const MAX_NAME = 100;

/**
 * Text as one word of a POSIX shell, in single quotes: nothing in it is expanded, split or run. Characters that cannot be seen become `\uFFFD`,
 * so that a word never spans lines or hides a part of itself.
 */
export function shellQuote(text: string): string {
  return `'${text.replaceAll(UNSEEN, '\uFFFD').replaceAll("'", String.raw`'\''`)}'`;
}

/** A name that is not ours, for a sentence: on one line, nothing in it hidden, and not longer than a name is. */
export function showName(name: string): string {
  return name.slice(0, MAX_NAME).replaceAll(UNSEEN, '\uFFFD');
}

/** The options of `az` that say which resource is meant; `name` is the one that takes its name. */
export function targetOptions(target: ResourceId, name: '--name' | '--cluster-name' = '--name'): string {
  return [
    `--subscription ${shellQuote(target.subscriptionId)}`,
    `--resource-group ${shellQuote(target.resourceGroup)}`,
    `${name} ${shellQuote(target.name)}`,
  ].join(' ');
}

/** A word that the reader has to supply first: without the variable the shell says what it is for, and runs nothing. */
export function askFor(variable: string, meaning: string): string {
  return `"\${${variable}:?set it to ${meaning}}"`;
}
