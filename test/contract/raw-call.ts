import { connect } from 'node:http2';

/** One gRPC call over raw HTTP/2, for what the client does not send. */

export interface RawAnswer {
  readonly messages: Buffer[];
  readonly status: string | undefined;
  readonly trailers: Readonly<Record<string, unknown>>;
}

export interface RawTarget {
  readonly port: string;
  readonly token: string;
}

export function rawTargetOf(connectionString: string): RawTarget {
  const [, port, token] = /:(\d+)\?.*connectionName=(.*)$/.exec(connectionString)!;
  return { port: port!, token: token! };
}

export function grpcFrame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Sends these bytes as the body of one call and waits for its end. */
export function rawCall({ port, token }: RawTarget, path: string, body: Uint8Array): Promise<RawAnswer> {
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'connection-name': token,
  });
  const chunks: Buffer[] = [];
  let trailers: Record<string, unknown> = {};
  stream.on('response', (headers) => (trailers = { ...trailers, ...headers }));
  stream.on('trailers', (headers) => (trailers = { ...trailers, ...headers }));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.end(body);
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    stream.on('error', reject);
    stream.on('close', () => {
      session.close();
      resolve({
        messages: messagesOf(Buffer.concat(chunks)),
        status: trailers['grpc-status'] as string | undefined,
        trailers,
      });
    });
  });
}

function messagesOf(body: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let offset = 0; offset < body.length;) {
    const end = offset + 5 + body.readUInt32BE(offset + 1);
    messages.push(body.subarray(offset + 5, end));
    offset = end;
  }
  return messages;
}
