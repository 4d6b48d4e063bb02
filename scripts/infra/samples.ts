/** The sample with all defaults. */
export const OBSERVE = 'infra/samples/observe.bicepparam';

/** A parameter file with settings of its own. Throws when it has some already: then it is not the sample with all defaults. */
export function withSettings(text: string, settings: Readonly<Record<string, string>>): string {
  if (/^param\s+settings\b/m.test(text)) throw new Error('the sample with all defaults may not give settings');
  const lines = Object.entries(settings).map(([name, value]) => `  ${name}: ${quote(value)}`);
  return `${text.trimEnd()}\n\nparam settings = {\n${lines.join('\n')}\n}\n`;
}

/** A text as Bicep writes it. */
function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('${', '\\${')}'`;
}
