import { providers } from './provider-catalogue.ts';

/** The newest api-version of the type in a path: the longest type whose segments occur in it decides. Empty for an unknown type. */
export function newestApiVersion(path: string): string {
  const segments = path.toLowerCase().split('/').filter(Boolean);
  const at = segments.lastIndexOf('providers');
  const namespace = at < 0 ? 'microsoft.resources' : (segments[at + 1] ?? '');
  const types = segments.slice(at < 0 ? 0 : at + 2).filter((_, i) => i % 2 === 0);
  for (let length = types.length; length > 0; length -= 1) {
    const wanted = `${namespace}/${types.slice(0, length).join('/')}`;
    for (const { types: definitions } of providers) {
      const found = definitions.find(({ type }) => type.toLowerCase() === wanted);
      if (found) return found.apiVersions[0] ?? '';
    }
  }
  return '';
}
