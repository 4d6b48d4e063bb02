import * as z from 'zod';
import { DockwardenError } from '../../errors.ts';
import { shellQuote, showName } from '../../remediations/advice.ts';
import { lenient, lenientObject } from '../../resources/lenient.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import { notChecked } from '../not-checked.ts';
import { type BeforeDeployContext, deployVersions, foldLocation, readAnswer, subscriptionPath } from './context.ts';

/** Version of Node that the template asks for. */
const NODE = '24';
/** SKU of Flex Consumption. */
const FLEX_SKU = 'FC1';

type Code = 'location-without-flex-consumption' | 'location-without-node';

const Region = z.object({ name: z.string() });
const list = <T extends z.ZodType>(type: T) => z.array(type).catch([]);
const Sku = lenientObject({
  skuCode: lenient(z.string()),
  functionAppConfigProperties: lenientObject({
    runtime: lenientObject({ name: lenient(z.string()), version: lenient(z.string()) }),
  }),
});
const Settings = lenientObject({ Sku: list(Sku) });
const Minor = lenientObject({ stackSettings: lenientObject({ linuxRuntimeSettings: Settings }) });
const Stack = z.object({
  name: z.string(),
  properties: z.object({ majorVersions: z.array(lenientObject({ minorVersions: list(Minor) })) }),
});

/** The location has Flex Consumption, and the Node that the app needs on it. */
export const locationCheck = defineCheck<BeforeDeployContext, Code>({
  id: 'location',
  title: 'Flex Consumption and its runtimes in the location',
  codes: ['location-without-flex-consumption', 'location-without-node'],
  async run(context) {
    const names = await listFlexLocations(context);
    if (!names.map(foldLocation).includes(foldLocation(context.location))) return [withoutFlex(context, names)];
    return await checkNode(context);
  },
});

async function listFlexLocations(context: BeforeDeployContext): Promise<readonly string[]> {
  const path = `${subscriptionPath(context)}/providers/Microsoft.Web/geoRegions?sku=FlexConsumption`;
  const names = (await context.arm.list(path, deployVersions.geoRegions)).map(
    (item) => readAnswer(Region, item, 'a location').name,
  );
  if (names.length > 0) return names;
  throw new DockwardenError('AZURE_TRANSIENT', 'Azure names no location at all for Flex Consumption', {
    resourceId: subscriptionPath(context),
  });
}

function withoutFlex({ location }: BeforeDeployContext, names: readonly string[]): DoctorFinding<Code> {
  const known = names.map((name) => showName(foldLocation(name))).toSorted();
  return {
    severity: 'error',
    code: 'location-without-flex-consumption',
    subject: location,
    message: `Azure has no Flex Consumption plan in this location, or no location of this name. It has one in: ${known.join(', ')}.`,
    command: 'az functionapp list-flexconsumption-locations --output table',
  };
}

/** Only the part of the answer that is about Flex Consumption says what can be deployed there. */
async function checkNode(context: BeforeDeployContext): Promise<readonly DoctorFinding<Code>[]> {
  const location = foldLocation(context.location);
  const path = `/providers/Microsoft.Web/locations/${encodeURIComponent(location)}/functionAppStacks?stack=node`;
  let versions: readonly string[];
  try {
    versions = listNodeVersions(await context.arm.list(path, deployVersions.functionAppStacks));
  } catch (error) {
    return [notChecked(`node ${NODE} in ${location}`, error)];
  }
  if (versions.includes(NODE)) return [];
  return [
    {
      severity: 'error',
      code: 'location-without-node',
      subject: location,
      message: `Flex Consumption runs node ${versions.join(', ')} in this location, and not ${NODE}, which the template asks for. Take another location.`,
      command: `az functionapp list-flexconsumption-runtimes --location ${shellQuote(location)} --runtime node --output table`,
    },
  ];
}

/** Throws when the answer names none: that would be no news about this location, but an answer in another form. */
function listNodeVersions(items: readonly unknown[]): readonly string[] {
  const stacks = items.map((item) => readAnswer(Stack, item, 'runtimes'));
  const skus = stacks
    .flatMap(({ properties }) => properties.majorVersions)
    .flatMap(({ minorVersions }) => minorVersions)
    .flatMap(({ stackSettings }) => stackSettings.linuxRuntimeSettings.Sku);
  const versions = skus.flatMap(({ functionAppConfigProperties, skuCode }) => {
    const { name, version } = functionAppConfigProperties.runtime;
    return skuCode === FLEX_SKU && name === 'node' && version !== undefined ? [version] : [];
  });
  if (versions.length > 0) return [...new Set(versions)].map(showName);
  throw new DockwardenError('AZURE_TRANSIENT', 'Azure names no version of node for Flex Consumption');
}
