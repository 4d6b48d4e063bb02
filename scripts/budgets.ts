/** What one file of the deploy folder may cost a worker that loads it. */
export interface Budget {
  /** Load time of a cold worker grows with them. */
  readonly bytes: number;
  /** Modules that are bundled: each is a function call more when the file is loaded, and each could have been left out. */
  readonly modules: number;
}

/** A file that is loaded at its first use: that use waits for it, once per worker. */
const LATER: Budget = { bytes: 700_000, modules: 400 };

/** Files with a budget of their own. */
const OWN: Readonly<Record<string, Budget>> = {
  // Read before the first function runs.
  'main.cjs': { bytes: 1_600_000, modules: 1_200 },
  // Read after a function has run, and only while telemetry is exported.
  'azure-monitor.cjs': { bytes: 600_000, modules: 550 },
};

/** The budget of a file of the deploy folder, by its name. */
export function budgetOf(name: string): Budget {
  return Object.hasOwn(OWN, name) ? (OWN[name] ?? LATER) : LATER;
}
