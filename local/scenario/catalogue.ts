import { alert } from './alert.ts';
import { drift } from './drift/drift.ts';
import { keys } from './keys.ts';
import type { Scenario } from './scenario.ts';
import { upgrade } from './upgrade.ts';

/** What `npm start -- --scenario <name>` can play. */
export const scenarios = { drift, alert, keys, upgrade } satisfies Readonly<Record<string, Scenario>>;

export type ScenarioName = keyof typeof scenarios;
