import { alertsClosed } from '../defender/alerts-closed.ts';

export const aksAlertsClosed = alertsClosed('Microsoft.ContainerService/managedClusters', 'aks', 'cluster');
