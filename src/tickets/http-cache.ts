/** Keeps what a system says about itself for one hour; what could not be loaded is asked for again. */
export function createHourlyCache<T>(now: () => Date): (name: string, load: () => Promise<T>) => Promise<T> {
  const kept = new Map<string, { readonly value: T; readonly until: number }>();
  return async (name, load) => {
    const found = kept.get(name);
    if (found !== undefined && now().getTime() < found.until) return found.value;
    const value = await load();
    kept.set(name, { value, until: now().getTime() + 3_600_000 });
    return value;
  };
}
