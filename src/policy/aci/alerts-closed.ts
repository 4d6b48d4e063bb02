import { alertsClosed } from '../defender/alerts-closed.ts';

export const aciAlertsClosed = alertsClosed('Microsoft.ContainerInstance/containerGroups', 'aci', 'container group');
