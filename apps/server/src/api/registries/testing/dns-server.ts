import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode, type Answer, type Packet } from 'dns-packet';

/** Low four bits of the flags (RFC 1035 4.1.1). */
const RESPONSE_CODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

/** What the server says about a name: records, a response code without any, or nothing at all. */
export type DnsReply = readonly Answer[] | keyof typeof RESPONSE_CODES | 'silence';

/** For specs only: a DNS server on a free UDP port of 127.0.0.1. A name that was not set does not exist. */
export class DnsServer {
  /** By name in lower case. */
  readonly replies = new Map<string, DnsReply>();
  /** Names that were asked for, as they came. */
  readonly asked: string[] = [];

  private constructor(private readonly socket: Socket) {
    socket.on('message', (message, from) => this.answer(decode(message), from));
  }

  static async start(): Promise<DnsServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DnsServer(socket);
  }

  /** As the setting DNS_SERVERS takes it. */
  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  /** Sets text records; each text is one record, a list of texts one record in chunks. */
  setTexts(name: string, ...texts: readonly (string | string[])[]): void {
    this.replies.set(
      name,
      texts.map((data): Answer => ({ type: 'TXT', name, ttl: 1, data })),
    );
  }

  close(): void {
    this.socket.close();
  }

  private answer({ id, questions = [] }: Packet, { port, address }: RemoteInfo): void {
    const name = questions[0]!.name;
    this.asked.push(name);
    const reply = this.replies.get(name.toLowerCase()) ?? 'NXDOMAIN';
    if (reply === 'silence') return;
    const [code, answers] = typeof reply === 'string' ? [RESPONSE_CODES[reply], []] : [0, [...reply]];
    const packet: Packet = {
      type: 'response',
      flags: code,
      questions,
      answers,
      ...(id !== undefined && { id }),
    };
    this.socket.send(encode(packet), port, address);
  }
}
