/** Texts that look like a literal, or like "yes", and are not one. */
export function lookalikes(word: string): readonly string[] {
  const capital = `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
  const fullWidth = word.replaceAll(/[!-~]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) + 0xfe_e0));
  const blank = ['', ' ', '\t', '\n', '\0', '\uFEFF', '\u00A0', '\u200B'];
  const other = [
    '0',
    '1',
    '-1',
    '00',
    'true',
    'false',
    'True',
    'yes',
    'no',
    'y',
    'null',
    'undefined',
    'NaN',
    'none',
    'default',
  ];
  const symbols = ['{}', '[]', '*', '%', '$(x)', 'ON', 'Off', 'On', 'enable', 'disabled', 'x'.repeat(10_000)];
  const framed = [
    ` ${word}`,
    `${word} `,
    `${word}\n`,
    `${word}\r\n`,
    `\t${word}`,
    `\uFEFF${word}`,
    `${word}\u200B`,
    `${word}\0`,
  ];
  const quoted = [`"${word}"`, `'${word}'`, `${word};`, `${word},${word}`, `${word}${word}`, `!${word}`, `=${word}`];
  const near = [word.toUpperCase(), capital, word.slice(0, -1), `${word}d`, `${word}\u0301`, fullWidth];
  const homoglyphs = [
    word.replace('o', '\u043E'),
    word.replace('e', '\u0435'),
    '@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/s)',
  ];
  const valid = ['off', 'observe', 'approve', 'enforce', 'on', word];
  const texts = [...blank, ...other, ...symbols, ...framed, ...quoted, ...near, ...homoglyphs];
  return texts.filter((text) => !valid.includes(text));
}

/** Texts that look like this duration and are none; `outside` are durations beyond the bounds. */
export function durationLookalikes(text: string, ...outside: readonly string[]): readonly string[] {
  const shapes = ['24', '24H', '-1h', '1.5h', '1d12h', '24 h', 'h', 'P1D', '01h', '1w', '60s', '999999h', '1e3m'];
  return [...lookalikes(text), ...shapes, ...outside];
}

/** Texts that look like this number and are none. */
export function numberLookalikes(number: string): readonly string[] {
  const texts = ['3651', '090', '90.0', '9e1', '0x5A', '+90', '٩٠', '90d', '1_000', '99999999999999999999', 'Infinity'];
  return [...texts, ...lookalikes(number).filter((text) => !/^[1-9]\d*$/.test(text))];
}

/** Texts that look like this address, or hide something in it. */
export function urlLookalikes(url: string): readonly string[] {
  const texts = [
    url.replace('https', 'http'),
    url.replace('https://', ''),
    url.replace('//', '/'),
    url.replace('https://', 'https://user:s3cret@'),
    `${url}?sig=s3cret`,
    `${url}#x`,
    url.replaceAll('/', '\\'),
    'file:///etc/passwd',
    'https://',
    'https://host:port',
    'https://host:99999',
    'https://[::1]:x',
  ];
  return [...texts, ...lookalikes(url).filter((text) => !/^https:\/\/[a-z.:]+(\/\.default)?$/i.test(text))];
}
