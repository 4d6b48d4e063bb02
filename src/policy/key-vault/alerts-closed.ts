import { alertsClosed } from '../defender/alerts-closed.ts';

export const kvAlertsClosed = alertsClosed('Microsoft.KeyVault/vaults', 'kv', 'vault');
