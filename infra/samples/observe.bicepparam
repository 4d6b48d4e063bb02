// The first week: everything by default, nothing is changed, nothing is billed by the hour.
using '../main.bicep'

param environmentName = 'observe'
param location = 'westeurope'
param deployerPrincipalId = '99999999-8888-7777-6666-555555555555'
