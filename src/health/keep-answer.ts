/** The same question, asked at most once in this time (in milliseconds): who asks meanwhile gets the same answer. A failure is not kept. */
export function keepAnswer<T>(ask: () => Promise<T>, forMs: number, now: () => Date): () => Promise<T> {
  let last: { readonly at: number; readonly answer: Promise<T> } | undefined;
  return async () => {
    if (last !== undefined && now().getTime() - last.at < forMs) return await last.answer;
    const answer = ask();
    last = { at: now().getTime(), answer };
    try {
      return await answer;
    } catch (error) {
      if (last.answer === answer) last = undefined;
      throw error;
    }
  };
}
