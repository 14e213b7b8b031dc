import { Refusal, type Fact, type FactType, type RecordedFact } from '#libs/kernel';
import { installationFacts } from './installation-log.js';

/** Stands between type and version in the type of a fact that this release cannot read. No type of ours contains it. */
const LATER = '@';

/**
 * The log holds a fact that this release does not understand and must not do without: it narrows access, or something is
 * to be decided on the state that it belongs to. Whoever went on might let in what it shuts out.
 */
export class LaterRelease extends Refusal {
  /** `fact` as `Catalogue.newest` returned it. */
  constructor({ type, metadata }: RecordedFact) {
    const what = `event ${type.split(LATER, 1)[0]} v${metadata.schemaVersion ?? 1} of a later release`;
    const why = metadata.critical ? 'narrows access' : 'cannot be read';
    super('unavailable', `${what} ${why}; upgrade this node`);
    this.name = 'LaterRelease';
  }
}

/** Every type of event that this release knows, with its versions. */
export class Catalogue {
  /** In the order of their names. */
  readonly types: readonly FactType[];
  private readonly byType: ReadonlyMap<string, FactType>;

  /** `facts` are those of the domain libraries; the events of the log itself are always known. */
  constructor(facts: readonly FactType[]) {
    this.types = [...installationFacts, ...facts].sort((a, b) => (a.type < b.type ? -1 : 1));
    this.byType = new Map(this.types.map((known) => [known.type, known]));
    if (this.byType.size !== this.types.length) throw new Error('a type stands in the event catalogue twice');
  }

  /** The version in which a fact is written. Throws for a type that nobody could read back. */
  versionOf(type: string): number {
    const known = this.byType.get(type);
    if (!known) throw new Error(`the event catalogue has no ${type}`);
    return known.version;
  }

  /**
   * A stored fact in its newest version. A later version of a known type becomes a fact of the type `<type>@<version>`,
   * which no fold and no projection knows, so that none reads its data in the old shape. Throws when an upcaster does.
   */
  newest(stored: RecordedFact): RecordedFact {
    const known = this.byType.get(stored.type);
    // Events of other programs may lack our metadata.
    const version: unknown = stored.metadata.schemaVersion ?? 1;
    if (!known || version === known.version) return stored;
    if (!isVersion(version) || version > known.version) return later(stored, version, known.critical);
    const data = known.upcasters.slice(version - 1).reduce((older, upcast) => upcast(older), dataOf(stored));
    // A type may have come to narrow access with a later version: then what it said before counts as that too.
    const critical = known.critical ? { critical: true as const } : {};
    return { ...stored, data, metadata: { ...stored.metadata, schemaVersion: known.version, ...critical } };
  }

  /** The facts that a reader of the whole log may be given, and why not the rest; undefined when all of them may. */
  upToObstacle(facts: readonly RecordedFact[]): {
    facts: readonly RecordedFact[];
    obstacle: LaterRelease | undefined;
  } {
    const index = facts.findIndex((fact) => fact.metadata.critical === true && !this.byType.has(fact.type));
    if (index === -1) return { facts, obstacle: undefined };
    return { facts: facts.slice(0, index), obstacle: new LaterRelease(facts[index]!) };
  }

  /**
   * Throws LaterRelease when nobody may decide on the state that these facts fold into: also for a later version of a
   * harmless type, since a reservation that cannot be read would look like a free name. Unknown harmless types pass.
   */
  refuseUnreadable(facts: readonly RecordedFact[]): void {
    const { obstacle } = this.upToObstacle(facts);
    if (obstacle) throw obstacle;
    const unreadable = facts.find(({ type }) => type.includes(LATER));
    if (unreadable) throw new LaterRelease(unreadable);
  }
}

function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function later(stored: RecordedFact, version: unknown, critical: boolean): RecordedFact {
  const metadata = critical ? { ...stored.metadata, critical } : stored.metadata;
  return { ...stored, type: `${stored.type}${LATER}${String(version)}`, metadata };
}

function dataOf(fact: Fact): Record<string, unknown> {
  return fact.data as Record<string, unknown>;
}
