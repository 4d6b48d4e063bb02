import type { Block } from '../ticket-system.ts';
import { type Markup, renderBlocks } from './blocks.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for an HTML element or a quoted attribute; the ends of lines become `<br>`. Expects clean text (plain.ts). */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '').replaceAll('\n', '<br>');
}

const markup: Markup = {
  heading: (text) => `<h3>${escapeHtml(text)}</h3>`,
  text: (text) => `<p>${escapeHtml(text)}</p>`,
  list: (items) => `<ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join('')}</ul>`,
  facts: (rows) =>
    `<ul>${rows.map(([label, value]) => `<li><b>${escapeHtml(label)}:</b> ${escapeHtml(value)}</li>`).join('')}</ul>`,
  commands: (lines) => `<pre>${lines.map(escapeHtml).join('\n')}</pre>`,
  link: (label, url) => `<p><a href="${escapeHtml(url)}">${escapeHtml(label)}</a></p>`,
  separator: '\n',
};

/** The body as HTML; no text in it becomes a tag. */
export function renderHtml(blocks: readonly Block[], max?: number): string {
  return renderBlocks(blocks, markup, max);
}
