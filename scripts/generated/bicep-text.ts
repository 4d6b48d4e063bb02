/** Text as a literal of Bicep; line breaks and everything that would be evaluated are escaped. */
export function bicepString(text: string): string {
  const escaped = text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll("'", String.raw`\'`)
    .replaceAll('${', String.raw`\${`)
    .replaceAll('\r', String.raw`\r`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\t', String.raw`\t`);
  return `'${escaped}'`;
}

/** The decorator `@description`. */
export function describe(text: string): string {
  return `@description(${bicepString(text)})`;
}

/** An object of expressions, as `bicep format` lays it out: names that are no identifiers stand in quotes. */
export function bicepObject(entries: readonly (readonly [string, string])[]): string {
  if (entries.length === 0) return '{}';
  const lines = entries.map(([name, value]) => `  ${propertyName(name)}: ${value}`);
  return `{\n${lines.join('\n')}\n}`;
}

function propertyName(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : bicepString(name);
}
