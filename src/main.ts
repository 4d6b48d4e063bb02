import { registerDefenderAlerts, registerDefenderAlertsHttp } from './functions/defender-alerts.ts';
import { registerEvents } from './functions/events.ts';
import { type FunctionName, registerHealth, registerHealthDetails } from './functions/health.ts';
import { registerMetricsFlush } from './functions/metrics.ts';
import {
  registerEventsPoison,
  registerReconcilePoison,
  registerResourceEventsPoison,
  registerTicketsPoison,
} from './functions/poison.ts';
import { registerReconcile } from './functions/reconcile.ts';
import { registerResourceEvents, registerResourceEventsWebhook } from './functions/resource-events.ts';
import { registerReview } from './functions/review.ts';
import { registerSweep } from './functions/sweep.ts';
import { registerTickets } from './functions/tickets.ts';

// Nothing may be read or built here: an exception at import leaves the app with no functions at all, and no crash.
const registered = new Set<string>();
const registrations: Readonly<Record<FunctionName, (name: string) => void>> = {
  resourceEvents: registerResourceEvents,
  resourceEventsWebhook: registerResourceEventsWebhook,
  resourceEventsPoison: registerResourceEventsPoison,
  defenderAlerts: registerDefenderAlerts,
  defenderAlertsHttp: registerDefenderAlertsHttp,
  reconcile: registerReconcile,
  reconcilePoison: registerReconcilePoison,
  tickets: registerTickets,
  ticketsPoison: registerTicketsPoison,
  events: registerEvents,
  eventsPoison: registerEventsPoison,
  sweep: registerSweep,
  review: registerReview,
  health: (name) => {
    registerHealth(name, registered);
  },
  healthDetails: (name) => {
    registerHealthDetails(name, registered);
  },
};

registerMetricsFlush();
for (const [name, register] of Object.entries(registrations)) {
  register(name);
  registered.add(name);
}
