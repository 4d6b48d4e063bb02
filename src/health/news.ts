/** Tells whether a text is news: another one than the last, or the same one again after so long (in milliseconds). */
export function createNews(forMs: number, now: () => Date): (text: string) => boolean {
  let last: { readonly at: number; readonly text: string } | undefined;
  return (text) => {
    const at = now().getTime();
    if (last !== undefined && last.text === text && at - last.at < forMs) return false;
    last = { at, text };
    return true;
  };
}
