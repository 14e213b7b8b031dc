/** Which log this process works on. Every Redis key begins with `logId`, so that a restored log never meets old keys. */
export class Installation {
  constructor(
    /** Random id of the newest LogStarted event. */
    readonly logId: string,
  ) {}

  /** Name of a Redis key of this installation: `<logId>:<parts joined by :>`. */
  redisKey(...parts: readonly string[]): string {
    return [this.logId, ...parts].join(':');
  }
}
