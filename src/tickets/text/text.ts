import type { Block } from '../ticket-system.ts';
import { type Markup, renderBlocks } from './blocks.ts';

const markup: Markup = {
  heading: (text) => text,
  text: (text) => text,
  list: (items) => items.map((item) => `- ${item}`).join('\n'),
  facts: (rows) => rows.map(([label, value]) => `${label}: ${value}`).join('\n'),
  commands: (lines) => lines.map((line) => `  ${line}`).join('\n'),
  link: (label, url) => `${label}: ${url}`,
  separator: '\n\n',
};

/** The body as plain text, for receivers that show it as such: nothing in it is escaped for a markup. */
export function renderText(blocks: readonly Block[], max?: number): string {
  return renderBlocks(blocks, markup, max);
}
