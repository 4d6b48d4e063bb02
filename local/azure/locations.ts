/** A place of the simulated Azure. */
export interface Location {
  readonly name: string;
  readonly displayName: string;
  readonly hasFlexConsumption: boolean;
  /** Node versions that Flex Consumption runs there. */
  readonly flexNodeVersions: readonly string[];
}

/** A few places as they could be: with Flex Consumption, with an older Node only, and without it. */
export const LOCATIONS: readonly Location[] = [
  { name: 'westeurope', displayName: 'West Europe', hasFlexConsumption: true, flexNodeVersions: ['24', '22', '20'] },
  { name: 'northeurope', displayName: 'North Europe', hasFlexConsumption: true, flexNodeVersions: ['24', '22', '20'] },
  { name: 'polandcentral', displayName: 'Poland Central', hasFlexConsumption: true, flexNodeVersions: ['22', '20'] },
  { name: 'germanynorth', displayName: 'Germany North', hasFlexConsumption: false, flexNodeVersions: [] },
];
