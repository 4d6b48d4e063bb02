import { aciAlertsClosed } from '../../policy/aci/alerts-closed.ts';
import { trackAlerts } from '../defender/track-alerts.ts';

export const aciTrackAlerts = trackAlerts(aciAlertsClosed, 'aci', 'container group');
