import type { Block } from '../ticket-system.ts';
import { BODY_MAX, cleanLine, cleanName, cleanText, cut, isPrintableLine } from './plain.ts';

/** How one markup writes each kind of block. All texts come clean (plain.ts) and are escaped here. */
export interface Markup {
  heading(text: string): string;
  /** May have several lines. */
  text(text: string): string;
  list(items: readonly string[]): string;
  facts(rows: readonly (readonly [label: string, value: string])[]): string;
  /** Undefined when the lines cannot be shown exactly. */
  commands(lines: readonly string[]): string | undefined;
  link(label: string, url: string): string;
  /** Between two blocks. */
  readonly separator: string;
}

/** Nothing that ends an address, a quotation or a bracket in any markup, and no `;`, so no entity either. */
const OWN_URL = /^https:\/\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?(?:[/?#][a-z0-9\-._~%/?#@=&:+,]*)?$/i;
const URL_MAX = 2000;
const LIST_MAX = 500;
/** A text that has to be cut to less is dropped. */
const SHORTEST_TEXT = 80;

/**
 * A whole body, at most `max` characters. What does not fit is dropped from the end, block by block, and the last line says so; a long text or
 * list is cut before it is escaped, so never inside an escape or a tag. Commands are shown exactly and completely, or not at all.
 */
export function renderBlocks(blocks: readonly Block[], markup: Markup, max = BODY_MAX): string {
  const parts = blocks.map((block) => renderBlock(block, markup));
  const whole = joinParts(parts, markup);
  if (whole.length <= max) return whole;

  const shortened = markup.text('… shortened');
  const room = max - shortened.length - markup.separator.length;
  const kept: string[] = [];
  for (const [index, block] of blocks.entries()) {
    const part = parts[index] ?? '';
    if (joinParts([...kept, part], markup).length <= room) {
      kept.push(part);
      continue;
    }
    kept.push(shorten(block, markup, room - joinParts([...kept, ''], markup).length - markup.separator.length));
    break;
  }
  return joinParts([...kept, shortened], markup);
}

function joinParts(parts: readonly string[], { separator }: Markup): string {
  return parts.filter((part) => part !== '').join(separator);
}

function renderBlock(block: Block, markup: Markup): string {
  switch (block.kind) {
    case 'heading':
      return unlessEmpty(cleanLine(block.text).trimStart(), (text) => markup.heading(text));
    case 'text':
      return unlessEmpty(cleanText(block.text), (text) => markup.text(text));
    case 'list': {
      const items = block.items.slice(0, LIST_MAX).map((item) => cleanLine(item).trimStart());
      const filled = items.filter((item) => item !== '');
      return filled.length === 0 ? '' : markup.list(filled);
    }
    case 'facts': {
      const rows = block.rows.slice(0, LIST_MAX).map(([label, value]) => [cleanName(label), cleanLine(value)] as const);
      return rows.length === 0 ? '' : markup.facts(rows.map(([label, value]) => [label.trim(), value.trim()]));
    }
    case 'commands':
      return renderCommands(block.lines, markup);
    case 'link':
      return renderLink(block, markup);
  }
}

function unlessEmpty(text: string, render: (text: string) => string): string {
  return text.trim() === '' ? '' : render(text);
}

function renderCommands(lines: readonly string[], markup: Markup): string {
  if (lines.length === 0) return '';
  const exact = lines.every(isPrintableLine) ? markup.commands(lines.map((line) => line.trimEnd())) : undefined;
  return (
    exact ?? markup.text('(The commands hold characters that cannot be shown here exactly, so they were left out.)')
  );
}

function renderLink({ label, url }: Extract<Block, { kind: 'link' }>, markup: Markup): string {
  const name = cleanName(label).trim();
  if (url.length <= URL_MAX && OWN_URL.test(url)) return markup.link(name === '' ? 'Link' : name, url);
  return unlessEmpty(`${name} ${cleanLine(url)}`, (text) => markup.text(text));
}

/** As much of the block as fits; empty when it makes no sense in part. */
function shorten(block: Block, markup: Markup, room: number): string {
  if (block.kind === 'text') {
    for (let length = Math.min(room, block.text.length); length >= SHORTEST_TEXT; length = Math.floor(length / 2)) {
      const part = renderBlock({ kind: 'text', text: cut(cleanText(block.text), length) }, markup);
      if (part.length <= room) return part;
    }
  }
  if (block.kind === 'list' || block.kind === 'facts') {
    const entries = block.kind === 'list' ? block.items : block.rows;
    for (let count = Math.min(LIST_MAX, entries.length) - 1; count > 0; count = Math.floor((count * 3) / 4)) {
      const part = renderBlock(
        block.kind === 'list'
          ? { kind: 'list', items: block.items.slice(0, count) }
          : { kind: 'facts', rows: block.rows.slice(0, count) },
        markup,
      );
      if (part.length <= room) return part;
    }
  }
  return '';
}
