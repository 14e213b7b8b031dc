import type { OpenAPIObject } from '@nestjs/swagger';
import { ROLES, rightsOf, type Right } from '#libs/identity';

/** What a route says about who may call it. */
export type DeclaredRight = Right | 'public' | 'authenticated';

/** Members of an operation in the OpenAPI document. The second: what keys need that the caller did not generate. */
export const RIGHT_EXTENSION = 'x-required-right';
export const OTHERS_RIGHT_EXTENSION = 'x-required-right-for-keys-of-others';

interface Operation {
  description?: string;
  [RIGHT_EXTENSION]?: DeclaredRight;
  [OTHERS_RIGHT_EXTENSION]?: Right;
}

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

/** Writes into the description of every operation what a caller needs for it. */
export function describeRights({ paths }: OpenAPIObject): void {
  for (const path of Object.values(paths)) {
    for (const method of METHODS) {
      const operation = path[method] as Operation | undefined;
      if (operation)
        operation.description = [operation.description, needs(operation)].filter(Boolean).join(' ');
    }
  }
}

function needs({
  [RIGHT_EXTENSION]: right = 'administer',
  [OTHERS_RIGHT_EXTENSION]: others,
}: Operation): string {
  if (right === 'public') return 'Needs no credentials.';
  if (right === 'authenticated') return 'Needs a session or an access token, and no right in a registry.';
  if (others === undefined) return `Needs the right \`${right}\` (${whoHas(right)}).`;
  return `Needs the right \`${right}\` (${whoHas(right)}); for keys of others \`${others}\` (${whoHas(others)}).`;
}

/** Those of the table in API.md. */
function whoHas(right: Right): string {
  const roles = ROLES.filter((role) => rightsOf(role).has(right));
  return ['administrators', ...roles].join(', ');
}
