import type { Block } from '../ticket-system.ts';
import { type Markup, renderBlocks } from './blocks.ts';

/**
 * Text for Redmine's Textile that stays text: no picture, link, macro, `@code@`, table, list, heading or reference. Redmine passes numeric
 * entities on as they are, so a sign that could mean something becomes one; it may stay between two letters or digits, as in `aks-prod`.
 * Expects clean text (plain.ts).
 */
export function escapeTextile(text: string): string {
  return text.split('\n').map(escapeLine).join('\n');
}

function escapeLine(line: string): string {
  return (
    line
      .trim()
      .replaceAll(/[!"#$&'()*<=>?@[\\\]^`{|}~]/g, toEntity)
      .replaceAll(/(?<![a-z0-9])[-+_%/]|[-+_%/](?![a-z0-9])/gi, toEntity)
      .replaceAll(/:(?! |$|(?<=\d:)\d)/g, toEntity)
      // `h1.`, `bq.`, `fn1.`, `table.` at the start of a line, and `www.` everywhere.
      .replace(/^[a-z0-9]{1,12}(\.+)/i, escapeDots)
      .replaceAll(/www\./gi, escapeDots)
      // `r12` is a revision.
      .replaceAll(/(?<![a-z0-9])r(?=\d)/g, toEntity)
  );
}

function toEntity(character: string): string {
  return `&#${character.charCodeAt(0)};`;
}

function escapeDots(match: string): string {
  return match.replaceAll('.', toEntity);
}

/** Inside `<pre>` Redmine escapes everything itself, but for what it takes for the end of it or for another such element. */
const OFF_TAG = /<\/?(?:code|pre|kbd|notextile)/i;

const markup: Markup = {
  heading: (text) => `h3. ${escapeTextile(text)}`,
  text: escapeTextile,
  list: (items) => items.map((item) => `* ${escapeTextile(item)}`).join('\n'),
  facts: (rows) => rows.map(([label, value]) => `* *${escapeTextile(label)}:* ${escapeTextile(value)}`).join('\n'),
  commands: (lines) => (OFF_TAG.test(lines.join('\n')) ? undefined : ['<pre>', ...lines, '</pre>'].join('\n')),
  link: (label, url) => `"${escapeTextile(label)}":${url}`,
  separator: '\n\n',
};

/** The body as Redmine's Textile; texts stay texts, whatever is in them. */
export function renderTextile(blocks: readonly Block[], max?: number): string {
  return renderBlocks(blocks, markup, max);
}
