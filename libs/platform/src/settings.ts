/** What the program is configured with; read once from the environment by `readSettings`, see docs/configuration.md. */
export class Settings {
  /** Absolute path. */
  dataDir!: string;
  roles!: ReadonlySet<'api' | 'gate' | 'worker'>;
  apiHost!: string;
  /** 0 = a free port. */
  apiPort!: number;
  gateHost!: string;
  gatePort!: number;
  /** undefined = the embedded store. */
  eventStoreUrl: string | undefined;
  /** undefined = a private redis-server. */
  redisUrl: string | undefined;
  /** The registry behind the gate: `private` = Debian's docker-registry as a child; `none` = only `/v2/` answers. */
  registryUpstream!: URL | 'private' | 'none';
  /** Every registry answers on `<slug>.<registryDomain>`. */
  registryDomain!: string;
  bootstrapAdminEmail!: string;
  bootstrapAdminPassword: string | undefined;
  bootstrapAdminToken: string | undefined;
  bootstrapRegistry!: string;
  defaultPlan!: 'free' | 'team' | 'enterprise';
  metricsToken: string | undefined;
  logLevel!: 'fatal' | 'error' | 'warn' | 'info' | 'debug';
}
