/** Ids remembered (about 150 bytes each). An older one is not recognised when its append is repeated with `any`. */
const IDS_KEPT_MAX = 100_000;

export interface EventPlace {
  readonly stream: number;
  readonly revision: number;
}

/**
 * The memory behind an append that expects `any`: which event id was stored where, for the newest ids. As in the real
 * server an id belongs to the first place that it was stored at.
 */
export class RecentIds {
  private readonly places = new Map<string, EventPlace>();

  find(id: string): EventPlace | undefined {
    return this.places.get(id);
  }

  remember(id: string, place: EventPlace): void {
    if (this.places.has(id)) return;
    this.places.set(id, place);
    if (this.places.size <= IDS_KEPT_MAX) return;
    const [oldest] = this.places.keys();
    if (oldest !== undefined) this.places.delete(oldest);
  }

  forgetAll(): void {
    this.places.clear();
  }
}
