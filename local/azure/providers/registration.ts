import { isJsonObject, type Json } from '../json.ts';
import type { Call, Handler, Provider, ResourceTypeDefinition, World } from '../provider.ts';

/** Type under which the store keeps the registration of a resource provider; a subscription without one has it registered. */
const REGISTRATION_TYPE = 'Microsoft.Resources/subscriptions/providers';
/** Of requests to a resource provider itself, as ARM's own. */
const VERSIONS = ['2021-04-01', '2022-09-01', '2020-10-01', '2019-06-01', '2016-02-01'];

/** `Registered`, or what a seed or test says. */
export function registrationState({ store }: Pick<World, 'store'>, subscriptionId: string, namespace: string): Json {
  const stored = store.find(registrationId(subscriptionId, namespace));
  return stored?.properties?.['registrationState'] ?? 'Registered';
}

export function registrationId(subscriptionId: string, namespace: string): string {
  return `/subscriptions/${subscriptionId}/providers/${namespace}`;
}

/** Here a registration is done at once; in Azure it takes minutes. */
function setState(state: 'Registered' | 'Unregistered'): Handler {
  return (call: Call) => {
    const { store } = call.world;
    const { namespace, subscriptionId = '' } = call.target;
    const id = registrationId(subscriptionId, namespace);
    const before = store.find(id)?.properties;
    store.write({
      id,
      name: namespace,
      type: REGISTRATION_TYPE,
      properties: { ...(isJsonObject(before) ? before : {}), registrationState: state },
    });
    return { status: 200, body: { id, namespace, registrationState: state } };
  };
}

/** `POST …/providers/{namespace}/register`, whose action is `{namespace}/register/action`; every provider can be registered. */
export function withRegistration(provider: Provider): Provider {
  const { namespace, types } = provider;
  const own = types.find(({ type }) => type === namespace);
  const registration: ResourceTypeDefinition = {
    ...own,
    type: namespace,
    apiVersions: [...(own?.apiVersions ?? []), ...VERSIONS],
    actions: { ...own?.actions, register: setState('Registered'), unregister: setState('Unregistered') },
  };
  return { ...provider, types: [...types.filter((type) => type !== own), registration] };
}
