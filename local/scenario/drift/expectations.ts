import type { Expectation } from '../expectation.ts';

/** With careful settings: the admin user is only observed, tags wait for approval; second passwords are rotated. */
export const DEFERRED: readonly Expectation[] = [
  {
    resource: 'contosobuild',
    policy: 'acr-second-password-fresh',
    stage: 'decision',
    says: 'defer',
    reason: 'changed-by-others',
    by: 'operator',
  },
];

export const CAREFUL: readonly Expectation[] = [
  {
    resource: 'contosobuild',
    policy: 'acr-admin-user-disabled',
    stage: 'decision',
    says: 'observe',
    reason: 'mode-observe',
  },
  {
    resource: 'aks-prod',
    policy: 'aks-required-tags-present',
    stage: 'decision',
    says: 'await-approval',
    reason: 'mode-approve',
  },
  {
    resource: 'aks-data',
    policy: 'aks-required-tags-present',
    stage: 'decision',
    says: 'ticket',
    reason: 'tag-value-not-allowed',
  },
  { resource: 'contosolegacy', policy: 'acr-second-password-fresh', stage: 'outcome', says: 'fixed' },
  { resource: 'contosolocked', policy: 'acr-second-password-fresh', stage: 'outcome', says: 'locked' },
];

/** What the operator approved. */
export const APPROVED: readonly Expectation[] = [
  { resource: 'aks-prod', policy: 'aks-required-tags-present', stage: 'outcome', says: 'fixed' },
];

/** The same violations once all remediations act. */
export const ENFORCED: readonly Expectation[] = [
  { resource: 'contosobuild', policy: 'acr-admin-user-disabled', stage: 'outcome', says: 'fixed' },
  {
    resource: 'contosolegacy',
    policy: 'acr-admin-user-disabled',
    stage: 'decision',
    says: 'ticket',
    reason: 'dependants-found',
  },
  { resource: 'contosolocked', policy: 'acr-admin-user-disabled', stage: 'outcome', says: 'locked' },
];

/** What a person, an automation, and both together change while all remediations act. */
export const CHANGED: readonly Expectation[] = [
  { resource: 'contosoacr', policy: 'acr-admin-user-disabled', stage: 'outcome', says: 'fixed', by: 'operator' },
  { resource: 'contosoci', policy: 'acr-admin-user-disabled', stage: 'outcome', says: 'fixed', by: 'automation' },
  { resource: 'contosofresh', policy: 'acr-admin-user-disabled', stage: 'outcome', says: 'fixed' },
  { resource: 'aks-dev', policy: 'aks-required-tags-present', stage: 'outcome', says: 'fixed', by: 'operator' },
];

/** Exempted by a tag, undone by the operator, and reversed by an automation until Dockwarden leaves it alone. */
export const LEFT_ALONE: readonly Expectation[] = [
  {
    resource: 'contosoacr',
    policy: 'acr-admin-user-disabled',
    stage: 'decision',
    says: 'exempt',
    reason: 'exempt-resource',
  },
  { resource: 'aks-dev', policy: 'aks-required-tags-present', stage: 'outcome', says: 'undone' },
  {
    resource: 'aks-dev',
    policy: 'aks-required-tags-present',
    stage: 'decision',
    says: 'exempt',
    reason: 'exempt-undone',
  },
  {
    resource: 'contosoci',
    policy: 'acr-admin-user-disabled',
    stage: 'decision',
    says: 'quarantine',
    reason: 'war-with-writer',
    by: 'automation',
  },
];

/** Nodes that miss a reboot, an old image, and a cluster that cannot be looked into. */
export const TICKETED: readonly Expectation[] = [
  {
    resource: 'aks-prod',
    policy: 'aks-node-reboot-completed',
    stage: 'decision',
    says: 'ticket',
    reason: 'ticket-only',
  },
  { resource: 'aks-prod', policy: 'aks-node-reboot-completed', stage: 'ticket', says: 'ticket-opened' },
  { resource: 'aks-data', policy: 'aks-windows-node-image-current', stage: 'ticket', says: 'ticket-opened' },
  { resource: 'aks-data', policy: 'aks-node-reboot-coverage-complete', stage: 'ticket', says: 'ticket-opened' },
  { resource: 'contosolegacy', policy: 'acr-admin-user-disabled', stage: 'ticket', says: 'ticket-opened' },
];

/** The nodes were rebooted: two looks that prove it close the ticket. */
export const TICKET_CLOSED: readonly Expectation[] = [
  { resource: 'aks-prod', policy: 'aks-node-reboot-completed', stage: 'ticket', says: 'ticket-resolved' },
];
