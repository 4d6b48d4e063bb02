import { kvAlertsClosed } from '../../policy/key-vault/alerts-closed.ts';
import { trackAlerts } from '../defender/track-alerts.ts';

export const kvTrackAlerts = trackAlerts(kvAlertsClosed, 'kv', 'vault');
