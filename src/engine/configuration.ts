import { isAdvice } from '../settings/findings.ts';
import type { EngineContext } from './ports.ts';

/**
 * Records what is wrong with the settings, once a day for each state of the settings: the key is made of both, so that any number of
 * workers writes the same row.
 */
export async function recordConfigurationFindings({
  audit,
  clock,
  settings,
  version,
  log,
}: EngineContext): Promise<void> {
  const now = clock.now();
  for (const finding of settings.findings) {
    const { setting, problem, message } = finding;
    log[isAdvice(finding) ? 'info' : 'warn']('configuration finding', { setting, problem, message });
    // Names of unknown settings may hold characters that a row key may not.
    const name = setting.replaceAll(/[^\w.-]/g, '_').slice(0, 200);
    const key = {
      partitionKey: now.toISOString().slice(0, 10),
      rowKey: `${'9'.repeat(19)}_${settings.hash}-${name}_configuration`,
    };
    await audit.append(key, {
      time: now.toISOString(),
      stage: 'configuration',
      reason: problem,
      causeId: setting.slice(0, 200),
      error: message,
      configHash: settings.hash,
      version,
    });
  }
}
