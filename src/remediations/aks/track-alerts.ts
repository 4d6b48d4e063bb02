import { aksAlertsClosed } from '../../policy/aks/alerts-closed.ts';
import { trackAlerts } from '../defender/track-alerts.ts';

export const aksTrackAlerts = trackAlerts(aksAlertsClosed, 'aks', 'cluster');
