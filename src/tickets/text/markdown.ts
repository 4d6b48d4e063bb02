import type { Block } from '../ticket-system.ts';
import { type Markup, renderBlocks } from './blocks.ts';
import { escapeHtml } from './html.ts';

/** Has no width, but breaks what GitHub looks for in text that is rendered already: a backslash does not (`\@name` still calls somebody). */
const BREAK = '\u200b';

/**
 * Text for GitHub's Markdown that stays text: no markup, HTML, formula, link, address, `@mention` or reference to an issue. Lines stay lines.
 * Expects clean text (plain.ts).
 */
export function escapeMarkdown(text: string): string {
  return text.split('\n').map(escapeLine).join('\n');
}

function escapeLine(line: string): string {
  return (
    line
      .trim()
      .replaceAll(/[<>&]/g, escapeHtml)
      .replaceAll(/[\\`*_{}[\]|~!$^]/g, String.raw`\$&`)
      // At the start of a line punctuation makes lists, headings, rules and quotations.
      .replace(/^[+=:-]/, String.raw`\$&`)
      .replace(/^(\d+)([.)])/, String.raw`$1\$2`)
      .replaceAll(/[@#]/g, `$&${BREAK}`)
      .replaceAll(/GH-(?=\d)/gi, `$&${BREAK}`)
      .replaceAll('://', `:${BREAK}//`)
      .replaceAll(/www(?=\.)/gi, `$&${BREAK}`)
  );
}

function fence(lines: readonly string[]): string {
  const longest = Math.max(2, ...lines.flatMap((line) => (line.match(/`+/g) ?? []).map((run) => run.length)));
  return '`'.repeat(longest + 1);
}

const markup: Markup = {
  heading: (text) => `### ${escapeMarkdown(text)}`,
  text: escapeMarkdown,
  list: (items) => items.map((item) => `- ${escapeMarkdown(item)}`).join('\n'),
  facts: (rows) => rows.map(([label, value]) => `* **${escapeMarkdown(label)}:** ${escapeMarkdown(value)}`).join('\n'),
  commands: (lines) => [`${fence(lines)}shell`, ...lines, fence(lines)].join('\n'),
  link: (label, url) => `[${escapeMarkdown(label)}](${url})`,
  separator: '\n\n',
};

/** The body as GitHub's Markdown; texts stay texts, whatever is in them. */
export function renderMarkdown(blocks: readonly Block[], max?: number): string {
  return renderBlocks(blocks, markup, max);
}
