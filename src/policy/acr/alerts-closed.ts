import { alertsClosed } from '../defender/alerts-closed.ts';

export const acrAlertsClosed = alertsClosed('Microsoft.ContainerRegistry/registries', 'acr', 'registry');
