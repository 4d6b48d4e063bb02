import { createHash } from 'node:crypto';
import type { ConfigurationFinding } from './findings.ts';
import { lowerMode, type Mode } from './formats.ts';
import type { Settings } from './settings.ts';

/**
 * The settings with a lower cap, because of something that no setting says. The reason is one of their findings, and part of their hash: what is decided
 * meanwhile can be told apart, and is decided anew afterwards.
 */
export function capSettings(settings: Settings, cap: Mode, finding: ConfigurationFinding): Settings {
  return {
    ...settings,
    cap: lowerMode(settings.cap, cap),
    modeOf: (id) => lowerMode(settings.modeOf(id), cap),
    findings: [...settings.findings, finding],
    hash: createHash('sha256').update(`${settings.hash} ${cap} ${finding.problem}`).digest('hex').slice(0, 12),
  };
}
