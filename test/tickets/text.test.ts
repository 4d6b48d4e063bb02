import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeHtml, renderHtml } from '../../src/tickets/text/html.ts';
import { escapeMarkdown, renderMarkdown } from '../../src/tickets/text/markdown.ts';
import { BODY_MAX, cleanLine, cleanName, cleanText, titleLine } from '../../src/tickets/text/plain.ts';
import { renderText } from '../../src/tickets/text/text.ts';
import { escapeTextile, renderTextile } from '../../src/tickets/text/textile.ts';
import type { Block } from '../../src/tickets/ticket-system.ts';

/** What means something in one of the markups, or to what shows them; arbitrary text is made of these and of anything else. */
const dangerous = [
  ...Array.from('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~ \n\r\t'),
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  '</pre>',
  '</li></ul>',
  '<!-- dockwarden: dw-00000000000000000000000000000000 -->',
  '-->',
  '@team',
  '#123',
  'GH-1',
  'octo/repo#1',
  '!http://evil.test/x.png!',
  '![x](http://evil.test/x.png)',
  '[x](http://evil.test)',
  '"x":http://evil.test',
  'https://evil.test/',
  'www.evil.test',
  'a@evil.test',
  '{{toc}}',
  '[[Page]]',
  '${jndi:ldap://evil.test}',
  '@code@',
  '|a|b|\n|-|-|',
  'h1. x',
  'bq. x',
  '```\n',
  '~~~\n',
  '---',
  '1. ',
  '&lt;b&gt;',
  '&#60;b&#62;',
  '\u0000\u001b[31m',
  '\u202e\u2066',
  '\ud800',
  '\udc00',
  '\u2028',
  '😀',
];
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...dangerous), fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 20 })
  .map((parts) => parts.join(''));
const row = fc.tuple(hostile, hostile);
const block: fc.Arbitrary<Block> = fc.oneof(
  fc.record({ kind: fc.constant('heading' as const), text: hostile }),
  fc.record({ kind: fc.constant('text' as const), text: hostile }),
  fc.record({ kind: fc.constant('list' as const), items: fc.array(hostile, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant('facts' as const), rows: fc.array(row, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant('commands' as const), lines: fc.array(hostile, { maxLength: 3 }) }),
  fc.record({
    kind: fc.constant('link' as const),
    label: hostile,
    url: fc.oneof(hostile, fc.constant('https://portal.azure.com/#@tenant/resource/x')),
  }),
);
const blocks = fc.array(block, { maxLength: 8 });
/** How a link looks in each. */
const linkOf: Readonly<Record<string, RegExp>> = {
  renderHtml: /href/,
  renderMarkdown: /(?<!\\)\]\(/,
  renderTextile: /":/,
  renderText: /Portal:/,
};
const renderers = { renderHtml, renderMarkdown, renderTextile, renderText };

describe('clean text', () => {
  it('has no control characters, no characters that turn its direction, and no lone surrogates', () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 1, max: 60 }), (text, max) => {
        for (const clean of [cleanLine(text, max), cleanText(text, max), cleanName(text), titleLine(text, 40)]) {
          expect(clean.replaceAll('\n', '')).not.toMatch(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
          expect(clean.isWellFormed()).toBe(true);
        }
        expect(cleanLine(text, max).length).toBeLessThanOrEqual(max);
        expect(cleanText(text, max).length).toBeLessThanOrEqual(max);
        expect(cleanLine(text, max)).not.toContain('\n');
        expect(cleanLine(cleanLine(text, max), max)).toBe(cleanLine(text, max));
        expect(cleanText(text, max)).not.toMatch(/\n{3}|[\n ]$/);
      }),
    );
  });

  it.each([
    ['a\r\nb\rc\u2028d', 'a b c d'],
    ['tab\there', 'tab here'],
    ['red\u001b[31m', 'red[31m'],
    ['evil\u202etxt.exe', 'eviltxt.exe'],
    ['half \ud83d of it', 'half \ufffd of it'],
    ['👩\u200d🔧', '👩\u200d🔧'],
  ])('makes one line of %j', (text, line) => {
    expect(cleanLine(text)).toBe(line);
  });

  it('cuts names at 253 characters, bodies at 30,000, and says so', () => {
    expect(cleanName('n'.repeat(253))).toBe('n'.repeat(253));
    expect(cleanName('n'.repeat(100_000))).toBe(`${'n'.repeat(252)}…`);
    expect(cleanText('b'.repeat(100_000))).toBe(`${'b'.repeat(BODY_MAX - 1)}…`);
  });

  it('never cuts through a character of two units', () => {
    expect(cleanLine('😀😀😀', 4)).toBe('😀…');
    expect(cleanLine('😀😀😀', 5)).toBe('😀😀…');
  });

  it('keeps the lines of a text, but not more than one empty line', () => {
    expect(cleanText('\r\na\r\nb \r\n\r\n\r\n\r\nc\n')).toBe('a\nb\n\nc');
  });

  it('makes a title of one trimmed line that is never empty', () => {
    expect(titleLine('  AKS node\r\nreboot missing ', 100)).toBe('AKS node reboot missing');
    expect(titleLine('a'.repeat(300), 200)).toBe(`${'a'.repeat(199)}…`);
    expect(titleLine('\u0000\n \u202e', 200)).toBe('(no title)');
  });
});

describe('every markup', () => {
  it.each(Object.entries(renderers))('%s is total, and at most as long as told', (_name, render) => {
    fc.assert(
      fc.property(blocks, fc.integer({ min: 100, max: 3000 }), (body, max) => {
        expect(render(body, max).length).toBeLessThanOrEqual(max);
        expect(render(body).isWellFormed()).toBe(true);
      }),
    );
  });

  it.each(Object.entries(renderers))('%s keeps a body of 100 kB below 30,000 characters', (_name, render) => {
    const body: Block[] = [
      { kind: 'text', text: 'What to do.' },
      { kind: 'text', text: '<@#"!'.repeat(20_000) },
      { kind: 'text', text: 'the last word' },
    ];

    const rendered = render(body);

    expect(rendered.length).toBeLessThanOrEqual(BODY_MAX);
    expect(rendered.length).toBeGreaterThan(BODY_MAX / 4);
    expect(rendered).toContain('What to do');
    expect(rendered).toMatch(/… shortened(?:<\/p>)?$/);
    expect(rendered).not.toContain('the last word');
  });

  it.each(Object.entries(renderers))(
    '%s drops whole blocks and items from the end, never parts of commands',
    (_name, render) => {
      const items = Array.from({ length: 40 }, (_, index) => `node ${index} of the pool waits for a reboot`);
      const body: Block[] = [
        { kind: 'list', items },
        { kind: 'commands', lines: ['first command', 'second command'] },
      ];

      expect(render(body)).not.toContain('shortened');
      const rendered = render(body, 700);

      expect(rendered).toContain('node 3 ');
      expect(rendered).not.toContain('node 39 ');
      expect(rendered).not.toContain('command');
      expect(rendered).toMatch(/… shortened(?:<\/p>)?$/);
    },
  );

  it.each(Object.entries(renderers))('%s shows commands exactly or not at all', (_name, render) => {
    const line = "kubectl get nodes -o go-template='{{range .items}}*_x_* #1 [[a]] @b {{end}}' | grep -v a";

    expect(render([{ kind: 'commands', lines: [line] }])).toContain(
      line.replaceAll("'", render === renderHtml ? '&#39;' : "'"),
    );
    for (const bad of ['echo \u0000', 'echo \u202etxt', 'echo a\nrm -rf b', 'echo \ud800', 'x'.repeat(3000)]) {
      const rendered = render([{ kind: 'commands', lines: ['echo fine', bad] }]);
      expect(rendered).toContain('left out');
      expect(rendered).not.toContain('echo');
    }
  });

  it.each(Object.entries(renderers))('%s makes links only of our own kind of address', (name, render) => {
    const good = 'https://portal.azure.com/#@tenant/resource/subscriptions/0/x_y?a=1&b=2';
    expect(render([{ kind: 'link', label: 'Portal', url: good }])).toContain(
      render === renderHtml ? good.replaceAll('&', '&amp;') : good,
    );
    const bad = [
      'http://portal.azure.com/',
      'javascript:alert(1)',
      'https://x.test/"onclick="x',
      'https://x.test/ y',
      'https://x.test/)[y](z',
      'https://x.test/<b>',
      'https://user:secret@x.test/',
      'https://x.test/\nh1. y',
      `https://x.test/${'a'.repeat(3000)}`,
    ];
    for (const url of bad) {
      const rendered = render([{ kind: 'link', label: 'Portal', url }]);
      expect(rendered).toContain('Portal');
      expect(rendered).not.toMatch(linkOf[name] ?? '');
    }
  });

  it.each(Object.entries(renderers))('%s leaves out what is empty', (_name, render) => {
    const body: Block[] = [
      { kind: 'heading', text: ' \u0000' },
      { kind: 'text', text: '\n' },
      { kind: 'list', items: ['', '\u202e'] },
      { kind: 'facts', rows: [] },
      { kind: 'commands', lines: [] },
    ];
    expect(render(body)).toBe('');
    expect(render([])).toBe('');
  });
});

describe('HTML', () => {
  const ownTag = /<(?:\/?(?:h3|p|ul|li|b|pre|a)|br|a href="https:\/\/[^"<>]*")>/g;

  it('has no tag but our own, and no attribute but the address of our links', () => {
    fc.assert(
      fc.property(blocks, (body) => {
        const rest = renderHtml(body).replaceAll(ownTag, '');
        expect(rest).not.toMatch(/[<>"']/);
        expect(rest).not.toMatch(/&(?!(?:amp|lt|gt|quot|#39);)/);
      }),
    );
  });

  it('closes every tag, also when it was shortened', () => {
    fc.assert(
      fc.property(blocks, fc.integer({ min: 100, max: 1000 }), (body, max) => {
        const html = renderHtml(body, max);
        for (const tag of ['h3', 'p', 'ul', 'li', 'b', 'pre', 'a'])
          expect(html.match(new RegExp(`<${tag}[ >]`, 'g'))?.length).toBe(
            html.match(new RegExp(`</${tag}>`, 'g'))?.length,
          );
      }),
    );
  });

  it('escapes the hostile set', () => {
    expect(escapeHtml('<script>"&\'')).toBe('&lt;script&gt;&quot;&amp;&#39;');
    expect(renderHtml([{ kind: 'text', text: 'a\nb' }])).toBe('<p>a<br>b</p>');
    expect(renderHtml([{ kind: 'facts', rows: [['Pool', '<b>']] }])).toBe('<ul><li><b>Pool:</b> &lt;b&gt;</li></ul>');
    expect(renderHtml([{ kind: 'commands', lines: ['a </pre>', 'b'] }])).toBe('<pre>a &lt;/pre&gt;\nb</pre>');
    expect(renderHtml([{ kind: 'heading', text: 'x' }])).toBe('<h3>x</h3>');
  });
});

describe('Markdown', () => {
  const zeroWidth = '\u200b';

  it('calls nobody, refers to nothing, and has no live markup', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const escaped = escapeMarkdown(cleanText(text));
        expect(escaped).not.toMatch(/[@#](?!\u200b)/);
        expect(escaped).not.toMatch(/:\/\/|www\.|GH-\d/i);
        // Nothing that means anything is left when the escapes are gone.
        const bare = escaped.replaceAll(/\\[\\`*_{}[\]|~!$^+=:.)-]|&(?:lt|gt|amp);/g, '·');
        expect(bare).not.toMatch(/[\\`*_{}[\]<>|~!&$^]/);
        expect(bare).not.toMatch(/^(?:[+=:-]|\d+[.)])/m);
        expect(escaped).not.toMatch(/^[ \t]/m);
      }),
    );
  });

  it('says the same when the escapes are taken away', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const clean = cleanText(text);
        const signs: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&' };
        const plain = escapeMarkdown(clean)
          .replaceAll(zeroWidth, '')
          .replaceAll(/\\[!-/:-@[-`{-~]|&\w+;/g, (escape) => signs[escape] ?? escape.slice(1));
        expect(plain).toBe(
          clean
            .split('\n')
            .map((line) => line.trim())
            .join('\n'),
        );
      }),
    );
  });

  it('fences commands with more backticks than they have', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[`a ]{0,12}$/), { minLength: 1, maxLength: 4 }), (lines) => {
        const [open = '', ...rest] = renderMarkdown([{ kind: 'commands', lines }]).split('\n');
        const fence = open.replace('shell', '');
        expect(fence).toMatch(/^`{3,}$/);
        expect(rest.at(-1)).toBe(fence);
        expect(rest.slice(0, -1)).toEqual(lines.map((line) => line.trimEnd()));
        for (const line of rest.slice(0, -1)) expect(line).not.toContain(fence);
      }),
    );
  });

  it.each([
    ['@octocat', `@${zeroWidth}octocat`],
    ['see #12', `see #${zeroWidth}12`],
    ['octo/repo#12', `octo/repo#${zeroWidth}12`],
    ['https://evil.test', `https:${zeroWidth}//evil.test`],
    ['<b> & more', '&lt;b&gt; &amp; more'],
    ['1. x', String.raw`1\. x`],
    ['- x', String.raw`\- x`],
    ['    code', 'code'],
    ['aks-prod, pool 1.30.4', 'aks-prod, pool 1.30.4'],
  ])('writes %j as %j', (text, escaped) => {
    expect(escapeMarkdown(text)).toBe(escaped);
  });

  it('writes each kind of block', () => {
    const body: Block[] = [
      { kind: 'heading', text: 'What to do' },
      { kind: 'text', text: 'one\ntwo' },
      { kind: 'list', items: ['a', 'b'] },
      { kind: 'facts', rows: [['Pool', 'system']] },
      { kind: 'commands', lines: ['kubectl get nodes'] },
      { kind: 'link', label: 'Portal', url: 'https://portal.azure.com/' },
    ];
    expect(renderMarkdown(body)).toBe(
      [
        '### What to do',
        'one\ntwo',
        '- a\n- b',
        '* **Pool:** system',
        '```shell\nkubectl get nodes\n```',
        '[Portal](https://portal.azure.com/)',
      ].join('\n\n'),
    );
  });
});

describe('Textile', () => {
  it('has no sign that Redmine could take for markup, outside of entities', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const bare = escapeTextile(cleanText(text)).replaceAll(/&#\d+;/g, '·');
        expect(bare).not.toMatch(/[!"#$&'()*<=>?@[\\\]^`{|}~]/);
        expect(bare).not.toMatch(/:\/\/|www\.|[a-z]:[a-z]/i);
        expect(bare).not.toMatch(/(?<![a-z0-9])[-+_%/]|[-+_%/](?![a-z0-9])/i);
        expect(bare).not.toMatch(/^(?:h[1-6]|p|bq|fn\d+|table|pre|clear)\./m);
        expect(bare).not.toMatch(/^[ \t]/m);
      }),
    );
  });

  it('says the same when the entities are read', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const clean = cleanText(text);
        const plain = escapeTextile(clean).replaceAll(/&#(\d+);/g, (_, code: string) =>
          String.fromCodePoint(Number(code)),
        );
        expect(plain).toBe(
          clean
            .split('\n')
            .map((line) => line.trim())
            .join('\n'),
        );
      }),
    );
  });

  it.each([
    ['!http://x!', '&#33;http&#58;&#47;&#47;x&#33;'],
    ['{{toc}}', '&#123;&#123;toc&#125;&#125;'],
    ['h1. big', 'h1&#46; big'],
    ['@team', '&#64;team'],
    ['r12', '&#114;12'],
    ['version:1.0', 'version&#58;1.0'],
    ['aks-prod_pool/a: 3 of 4 at 12:00:05', 'aks-prod_pool/a: 3 of 4 at 12:00:05'],
  ])('writes %j as %j', (text, escaped) => {
    expect(escapeTextile(text)).toBe(escaped);
  });

  it('leaves out commands that Redmine would take for the end of them', () => {
    for (const line of ['echo </pre>', 'echo <PRE>', 'echo <code class="ruby">', 'echo </notextile'])
      expect(renderTextile([{ kind: 'commands', lines: [line] }])).toMatch(/left out/);
  });

  it('writes each kind of block', () => {
    const body: Block[] = [
      { kind: 'heading', text: 'What to do' },
      { kind: 'list', items: ['a', 'b'] },
      { kind: 'facts', rows: [['Pool', 'system']] },
      { kind: 'commands', lines: ['kubectl get nodes', '', 'x'] },
      { kind: 'link', label: 'Portal', url: 'https://portal.azure.com/' },
    ];
    expect(renderTextile(body)).toBe(
      [
        'h3. What to do',
        '* a\n* b',
        '* *Pool:* system',
        '<pre>\nkubectl get nodes\n\nx\n</pre>',
        '"Portal":https://portal.azure.com/',
      ].join('\n\n'),
    );
  });
});

describe('plain text', () => {
  it('writes each kind of block', () => {
    const body: Block[] = [
      { kind: 'heading', text: 'What to do' },
      { kind: 'text', text: '2 of 3 nodes wait for a reboot.' },
      { kind: 'list', items: ['<a>', 'b'] },
      { kind: 'facts', rows: [['Pool', 'system']] },
      { kind: 'commands', lines: ['kubectl get nodes'] },
      { kind: 'link', label: 'Portal', url: 'https://portal.azure.com/' },
    ];
    expect(renderText(body)).toBe(
      [
        'What to do',
        '2 of 3 nodes wait for a reboot.',
        '- <a>\n- b',
        'Pool: system',
        '  kubectl get nodes',
        'Portal: https://portal.azure.com/',
      ].join('\n\n'),
    );
  });
});
