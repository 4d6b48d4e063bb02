// The roles are derived where the doctor compares them with what is assigned; the template is made of the same.
export {
  deriveRoles,
  effectivePermissions,
  listEngineReads,
  type OptionalRole,
  optionalRolesFor,
  type Permissions,
  type Role,
} from '../../src/doctor/roles.ts';
