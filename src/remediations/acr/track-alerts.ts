import { acrAlertsClosed } from '../../policy/acr/alerts-closed.ts';
import { trackAlerts } from '../defender/track-alerts.ts';

export const acrTrackAlerts = trackAlerts(acrAlertsClosed, 'acr', 'registry');
