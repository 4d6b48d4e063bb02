import { randomUUID } from 'node:crypto';
import type { EventHub } from '../event-hub/event-hub.ts';
import {
  type Alert,
  type AlertDefinition,
  type AlertStatus,
  alertId,
  toAlertRow,
  toExportedAlert,
} from './defender-alert.ts';
import {
  type Assessment,
  type AssessmentDefinition,
  assessmentId,
  type SubAssessment,
  type SubAssessmentDefinition,
  subAssessmentId,
  toAssessmentProperties,
  toExportedAssessment,
  toExportedSubAssessment,
  toSubAssessmentProperties,
} from './defender-assessment.ts';
import type { JsonObject } from './json.ts';
import type { Clock } from './provider.ts';
import type { RawResource } from './resource-store.ts';

/** Takes one message of continuous export. */
export type Exporter = (message: JsonObject) => void;

/** Continuous export to an Event Hub, one event per message. */
export function exportTo(hub: EventHub): Exporter {
  return (message) => {
    hub.send(message);
  };
}

/** The simulated Defender for Cloud: keeps alerts and recommendations, and exports every change of them. */
export class Defender {
  readonly #clock: Clock;
  readonly #tenantId: string;
  readonly #export: Exporter;
  /** By id in lower case. */
  #alerts = new Map<string, Alert>();
  #assessments = new Map<string, Assessment>();
  #subAssessments = new Map<string, SubAssessment>();
  #isMuted = false;

  constructor(clock: Clock, tenantId: string, onExport: Exporter) {
    this.#clock = clock;
    this.#tenantId = tenantId;
    this.#export = (message) => {
      if (!this.#isMuted) onExport(message);
    };
  }

  /** Keeps and exports a new alert; returns its `SystemAlertId`. */
  raiseAlert(definition: AlertDefinition): string {
    const systemAlertId = randomUUID();
    const made = { systemAlertId, tenantId: this.#tenantId, generatedAt: this.#clock.now() };
    this.#keep({ status: 'Active', ...definition, ...made });
    return systemAlertId;
  }

  /** Changes the status of an alert, which exports it again. Throws for an unknown `SystemAlertId`. */
  setAlertStatus(systemAlertId: string, status: AlertStatus): void {
    const alert = this.#alerts.get(systemAlertId.toLowerCase());
    if (!alert) throw new Error(`there is no alert ${systemAlertId}`);
    this.#keep({ ...alert, status });
  }

  /** Keeps and exports the state of a recommendation. `Delete` forgets it; a snapshot only tells what is given. */
  raiseAssessment(definition: AssessmentDefinition): void {
    const key = assessmentId(definition).toLowerCase();
    const before = this.#assessments.get(key);
    const now = this.#clock.now();
    const changedAt = before?.code === definition.code ? before.changedAt : now;
    const firstEvaluatedAt = before?.firstEvaluatedAt ?? now;
    const assessment = { ...definition, tenantId: this.#tenantId, changedAt, firstEvaluatedAt };
    const action = definition.action ?? (before ? 'Write' : 'Insert');
    if (action === 'Delete') this.#assessments.delete(key);
    else if (definition.isSnapshot !== true) this.#assessments.set(key, assessment);
    this.#export(toExportedAssessment(assessment, action));
  }

  /** Keeps and exports a finding below a recommendation. `Delete` forgets it; a snapshot only tells what is given. */
  raiseSubAssessment(definition: SubAssessmentDefinition): void {
    const key = subAssessmentId(definition).toLowerCase();
    const finding = { ...definition, tenantId: this.#tenantId, generatedAt: this.#clock.now() };
    if (definition.action === 'Delete') this.#subAssessments.delete(key);
    else if (definition.isSnapshot !== true) this.#subAssessments.set(key, finding);
    this.#export(toExportedSubAssessment(finding));
  }

  /** In the order in which they were raised. */
  alerts(): readonly Alert[] {
    return [...this.#alerts.values()];
  }

  /** Rows of the table `securityresources`, but for what depends on the caller. */
  resources(): readonly RawResource[] {
    const alerts = this.alerts().map((alert) => ({
      id: alertId(alert),
      name: alert.systemAlertId,
      type: 'microsoft.security/locations/alerts',
      properties: toAlertRow(alert),
    }));
    const assessments = [...this.#assessments.values()].map((assessment) => ({
      id: assessmentId(assessment),
      name: assessment.key,
      type: 'microsoft.security/assessments',
      properties: toAssessmentProperties(assessment),
    }));
    const findings = [...this.#subAssessments.values()].map((finding) => ({
      id: subAssessmentId(finding),
      name: finding.name,
      type: 'microsoft.security/assessments/subassessments',
      properties: toSubAssessmentProperties(finding),
    }));
    return [...alerts, ...assessments, ...findings];
  }

  /** From here on nothing is exported; calling the result forgets what has changed since, and exports again. */
  checkpoint(): () => void {
    const saved = [new Map(this.#alerts), new Map(this.#assessments), new Map(this.#subAssessments)] as const;
    this.#isMuted = true;
    return () => {
      [this.#alerts, this.#assessments, this.#subAssessments] = saved;
      this.#isMuted = false;
    };
  }

  #keep(alert: Alert): void {
    this.#alerts.set(alert.systemAlertId, alert);
    this.#export(toExportedAlert(alert));
  }
}
