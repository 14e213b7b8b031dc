/** Lower-case letters and digits with single hyphens between them: a DNS label, and never an id (`reg_…`). */
const SLUG = /^[a-z0-9](?:-?[a-z0-9])*$/;
export const SLUG_LENGTH_MIN = 2;
export const SLUG_LENGTH_MAX = 40;

/** Names that a user would take for a part of the host itself; nobody may own them. */
const RESERVED = new Set([
  'admin', 'api', 'auth', 'billing', 'blog', 'cdn', 'console', 'dashboard', 'docker', 'dockreg', 'docs', 'gate', 'health',
  'help', 'index', 'internal', 'login', 'mail', 'metrics', 'ns', 'oauth', 'registry', 'root', 'security', 'smtp', 'static',
  'status', 'support', 'system', 'token', 'v1', 'v2', 'www',
]); // prettier-ignore

/** Why this cannot be a slug; undefined when it can. */
export function slugProblem(slug: string): string | undefined {
  if (slug.length < SLUG_LENGTH_MIN || slug.length > SLUG_LENGTH_MAX) {
    return `a slug has ${SLUG_LENGTH_MIN} to ${SLUG_LENGTH_MAX} characters`;
  }
  if (!SLUG.test(slug)) return 'a slug has lower-case letters, digits and single hyphens between them';
  return RESERVED.has(slug) ? 'this slug is reserved' : undefined;
}
