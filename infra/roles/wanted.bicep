// Which custom roles these settings call for. Says nothing about where they are assigned.
// Functions get everything as arguments: a function of a template may not be able to read variables, depending on Azure's version of the language.

@description('A custom role: what it is called besides the name of the environment, and what it allows.')
@export()
type customRole = {
  @description('Key in generated/roles.json: read, nodes, metrics, runCommand, passwordVault, or the id of a remediation.')
  key: string
  description: string
  actions: string[]
  dataActions: string[]
}

@description('May a remediation act? Its own mode and the upper limit DOCKWARDEN_MODE both have to allow it.')
func mayAct(settings object, setting string) bool =>
  contains(['approve', 'enforce'], settings[?setting] ?? 'observe') && contains(
    ['approve', 'enforce'],
    settings.?DOCKWARDEN_MODE ?? 'enforce'
  )

@description('Is a policy on that judges by the health of nodes?')
@export()
func inspectsNodes(settings object, nodePolicySettings string[]) bool =>
  length(filter(nodePolicySettings, name => (settings[?name] ?? 'on') == 'on')) > 0

@description('Roles for whole subscriptions: the reader, the reader of nodes while a policy asks for them, and one write role for each remediation that may act.')
@export()
func subscriptionRoles(roles object, settings object, modeSettings object, nodePolicySettings string[]) customRole[] =>
  concat(
    [toRole('read', roles.read)],
    inspectsNodes(settings, nodePolicySettings) ? [toRole('nodes', roles.optional.nodes)] : [],
    map(
      filter(items(modeSettings), mode => mayAct(settings, mode.value)),
      mode => toRole(mode.key, roles.write[mode.key])
    )
  )

@description('Keys of roles for whole subscriptions that an earlier deployment may have assigned, and that are not among those assigned now.')
@export()
func unusedKeys(assigned customRole[], modeSettings object) string[] =>
  filter(concat(objectKeys(modeSettings), ['nodes']), key => !contains(map(assigned, role => role.key), key))

@description('A role of generated/roles.json with its key.')
@export()
func toRole(key string, role object) customRole => {
  key: key
  description: role.description
  actions: role.actions
  dataActions: role.dataActions
}
