/** Access keys of a host. Without any (the default) every endpoint is open, as in the local tools of Azure. */
export interface HostKeys {
  /** Opens everything. */
  readonly master?: string;
  /** Opens functions of `authLevel: 'function'`. */
  readonly function?: string;
  /** System key `eventgrid_extension`: opens the Event Grid webhook. */
  readonly eventgrid?: string;
}

export type AccessLevel = 'anonymous' | 'function' | 'admin' | 'eventgrid';

/** Parses `function=…,master=…,eventgrid=…`. */
export function parseKeys(text: string): HostKeys {
  const keys: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const [, name = '', value = ''] = /^(?<name>master|function|eventgrid)=(?<value>.+)$/u.exec(pair.trim()) ?? [];
    if (name === '') throw new Error('Keys are given as function=…,master=…,eventgrid=…');
    keys[name] = value;
  }
  return keys;
}

/** Whether the key sent (`x-functions-key` header or `code` query parameter) opens this level. */
export function isAllowed(keys: HostKeys | undefined, level: AccessLevel, sent: string | undefined): boolean {
  if (keys === undefined || level === 'anonymous') return true;
  if (sent === undefined) return false;
  if (sent === keys.master) return true;
  return level !== 'admin' && sent === keys[level];
}
