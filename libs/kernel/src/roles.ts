/** What a member of a registry is, from most to least powerful; `auditor` reads everything and changes nothing. */
export const ROLES = ['owner', 'admin', 'developer', 'auditor', 'viewer'] as const;
export type Role = (typeof ROLES)[number];
