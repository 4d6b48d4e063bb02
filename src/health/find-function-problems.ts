import type { HealthReason } from './reasons.ts';

export interface ExpectedFunctions {
  readonly names: readonly string[];
  /** Those that may be switched off. */
  readonly optional: ReadonlySet<string>;
  /** Those that have been registered. */
  readonly registered: ReadonlySet<string>;
}

/** Functions that the host does not run. */
export function findFunctionProblems(
  { names, optional, registered }: ExpectedFunctions,
  environment: Readonly<Record<string, string | undefined>>,
): readonly HealthReason[] {
  return names.flatMap((about): readonly HealthReason[] => {
    if (!registered.has(about)) {
      const message = `Function ${about} is not registered: the deployed package is damaged. Deploy it again.`;
      return [{ code: 'function-missing', about, message }];
    }
    const setting = `AzureWebJobs.${about}.Disabled`;
    const text = environment[setting]?.toLowerCase();
    const isOff = text === 'true' || text === '1';
    if (!isOff || optional.has(about)) return [];
    return [
      {
        code: 'function-disabled',
        about,
        message: `Function ${about} is switched off: remove the setting ${setting}.`,
      },
    ];
  });
}
