// As observe.bicepparam, with one remediation in another mode: a test compares the two, and exactly one role may differ.
using '../main.bicep'

param environmentName = 'observe'
param location = 'westeurope'
param deployerPrincipalId = '99999999-8888-7777-6666-555555555555'
param settings = { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce' }
