import { catalogue } from '#libs/catalogue';
import { administrators, users, type Right } from '#libs/identity';
import type { RecordedFact } from '#libs/kernel';
import { keys } from '#libs/keys';
import { registries, type RegistryFact } from '#libs/registries';

/** Streams whose facts the feed may show. All of them reach every API node through its one subscription. */
export const FEED_CATEGORIES: readonly string[] = [
  keys.category,
  registries.category,
  users.category,
  administrators.category,
];

/** Types of facts that the feed may show to somebody. */
export const FEED_TYPES: readonly string[] = catalogue.types
  .filter(({ categories }) => categories.some((category) => FEED_CATEGORIES.includes(category)))
  .map(({ type }) => type);

/** The right in the registry that a fact about it needs: that of the route which shows what it changed. */
const REGISTRY_RIGHTS: Readonly<Record<string, Right>> = {
  RegistryCreated: 'see',
  RegistryRenamed: 'see',
  RegistryUpstreamChanged: 'see',
  RegistryPolicyChanged: 'see',
  RegistryPlanChanged: 'see',
  HostAdded: 'see',
  HostRemoved: 'see',
  MemberAdded: 'members',
  MemberRoleChanged: 'members',
  MemberRemoved: 'members',
  ChannelConfigured: 'configure',
  ChannelRemoved: 'configure',
  AlertRuleChanged: 'see',
  RuleMuted: 'see',
  AlertSettingsChanged: 'see',
  NotificationSecretIssued: 'see',
  NotificationSecretRemoved: 'see',
} satisfies Record<RegistryFact['type'], Right>;

/** What a fact needs to be seen. */
export type Need =
  | { readonly of: 'registry'; readonly registry: string; readonly right: Right }
  /** The history of a key: `audit`, or `audit-own` when the key is one's own. */
  | { readonly of: 'key'; readonly registry: string; readonly key: string }
  | { readonly of: 'installation' };

/** undefined: nobody sees it, as with a type of a later release. */
export function needOf({ type, category, id, data }: RecordedFact): Need | undefined {
  if (!FEED_TYPES.includes(type)) return undefined;
  if (category === users.category || category === administrators.category) return { of: 'installation' };
  if (category === registries.category) {
    const right = REGISTRY_RIGHTS[type];
    return right && { of: 'registry', registry: id, right };
  }
  const { registry } = data as { registry?: unknown };
  return category === keys.category && typeof registry === 'string'
    ? { of: 'key', registry, key: id }
    : undefined;
}

/** A fact as the feed shows it. */
export interface ShownFact {
  readonly type: string;
  readonly at: string;
  readonly registry: string | null;
  readonly subject: string;
  readonly actor: { readonly type: string; readonly id: string };
  readonly data: Record<string, unknown>;
  readonly position: string;
}

/** The fact without what stands in its other fields, and without hashes of secrets, indexes and ciphertext. */
export function shownFact(
  { type, category, id, data, metadata, position }: RecordedFact,
  need: Need,
): ShownFact {
  const { at, ...rest } = data as { at: string; user?: string };
  const { actor } = metadata;
  const isAboutUser =
    category === administrators.category || (need.of === 'registry' && need.right === 'members');
  return {
    type,
    at,
    registry: need.of === 'installation' ? null : need.registry,
    subject: isAboutUser ? (rest.user ?? id) : id,
    actor: { type: actor.type, id: actor.id },
    data: withoutSecrets(rest) as Record<string, unknown>,
    position: position.toString(),
  };
}

/** Of a secret in every one of them: a key's and a token's, a link's; and what an address or an identity is found by. */
const HASHES: ReadonlySet<string> = new Set(['secretHash', 'invitation', 'emailIndex', 'subjectIndex']);

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((entry) => !isSealed(entry)).map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const open = Object.entries(value).filter(([name, field]) => !HASHES.has(name) && !isSealed(field));
  return Object.fromEntries(open.map(([name, field]) => [name, withoutSecrets(field)]));
}

function isSealed(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'ciphertext' in value;
}
