import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { findProgram, tiedTo } from '#libs/platform';
import { connectRedis, type Redis } from '#libs/redis';
import { temporaryDirectory } from './temporary-directory.js';

/** A Redis of a test's own, and connections to it that end with it. */
export class RedisServer {
  readonly #connections: Redis[] = [];

  private constructor(
    private readonly child: ChildProcess,
    private readonly directory: ReturnType<typeof temporaryDirectory>,
  ) {}

  static async start(): Promise<RedisServer> {
    const directory = temporaryDirectory();
    const socket = join(directory.path, 'redis.sock');
    const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no'];
    const [command, ...args] = tiedTo(process.pid, findProgram('redis-server', 'redis-server'), options);
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    for await (const chunk of child.stdout) {
      output += String(chunk);
      if (output.includes('ready to accept')) break;
    }
    return new RedisServer(child, directory);
  }

  async connect(): Promise<Redis> {
    const redis = this.#connect('redis.sock');
    await once(redis, 'ready');
    return redis;
  }

  /** A connection to nobody. */
  connectToNobody(): Redis {
    return this.#connect('nobody.sock');
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async stop(): Promise<void> {
    for (const redis of this.#connections) redis.disconnect();
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
    this.directory.remove();
  }

  #connect(name: string): Redis {
    const redis = connectRedis({ path: join(this.directory.path, name) });
    this.#connections.push(redis);
    return redis;
  }
}
