// Which events reach the queue: what the policies need that are on. Their needs are generated from the code, in generated/event-filters.json.

@description('What the policies need that are on.')
func wantedPolicies(needs object, settings object) array =>
  filter(map(items(needs), policy => policy.value), need => (settings[?need.setting] ?? 'on') == 'on')

@description('Types of events of one type of topic; empty while no policy asks for any.')
@export()
func eventTypesOf(needs object, settings object, topicType string) string[] =>
  union(flatten(map(wantedPolicies(needs, settings), need => need.eventTypes[?topicType] ?? [])), [])

@description('How the operations begin that change something of interest, for the topic of a subscription.')
@export()
func operationPrefixes(needs object, settings object) string[] =>
  union(flatten(map(wantedPolicies(needs, settings), need => need.operationPrefixes)), [])
