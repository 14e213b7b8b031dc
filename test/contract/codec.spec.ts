import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type * as Gossip from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/gossip_pb.js';
import type * as Features from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_pb.js';
import type * as Shared from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js';
import type * as Streams from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import { startEmbeddedStore } from '#libs/embedded-store';
import type { EmbeddedStore } from '#libs/embedded-store';
import { grpcFrame, rawCall, rawTargetOf } from './raw-call.js';
import type { RawAnswer } from './raw-call.js';

/** The hand-written codec against the classes that were generated from the `.proto` files, over the wire. */

const generated = createRequire(import.meta.url);
const folder = '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1';
const streams = generated(`${folder}/streams_pb.js`) as typeof Streams;
const shared = generated(`${folder}/shared_pb.js`) as typeof Shared;
const gossip = generated(`${folder}/gossip_pb.js`) as typeof Gossip;
const features = generated(`${folder}/serverfeatures_pb.js`) as typeof Features;

const STREAMS = '/event_store.client.streams.Streams';
const directory = mkdtempSync(join(tmpdir(), 'embedded-store-'));
let store: EmbeddedStore;

beforeAll(async () => {
  store = await startEmbeddedStore({ directory });
});
afterAll(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

function call(path: string, ...messages: { serializeBinary(): Uint8Array }[]): Promise<RawAnswer> {
  const frames = messages.map((message) => grpcFrame(message.serializeBinary()));
  return rawCall(rawTargetOf(store.connectionString), path, Buffer.concat(frames));
}

function identifier(stream: string): Shared.StreamIdentifier {
  const message = new shared.StreamIdentifier();
  message.setStreamName(Buffer.from(stream));
  return message;
}

interface Proposed {
  readonly stream: string;
  readonly type: string;
  readonly data: Buffer;
  readonly metadata: Buffer;
}

async function append(
  id: Shared.UUID,
  { stream, type, data, metadata }: Proposed,
): Promise<Streams.AppendResp> {
  const options = new streams.AppendReq.Options();
  options.setStreamIdentifier(identifier(stream));
  options.setNoStream(new shared.Empty());
  const head = new streams.AppendReq();
  head.setOptions(options);
  const message = new streams.AppendReq.ProposedMessage();
  message.setId(id);
  message.getMetadataMap().set('type', type).set('content-type', 'application/octet-stream');
  message.setData(data);
  message.setCustomMetadata(metadata);
  const body = new streams.AppendReq();
  body.setProposedMessage(message);
  const answer = await call(`${STREAMS}/Append`, head, body);
  expect(answer.status).toBe('0');
  return streams.AppendResp.deserializeBinary(answer.messages[0]!);
}

async function read(stream: string): Promise<Streams.ReadResp[]> {
  const from = new streams.ReadReq.Options.StreamOptions();
  from.setStreamIdentifier(identifier(stream));
  from.setStart(new shared.Empty());
  const options = new streams.ReadReq.Options();
  options.setStream(from);
  options.setCount('10');
  options.setNoFilter(new shared.Empty());
  const request = new streams.ReadReq();
  request.setOptions(options);
  const answer = await call(`${STREAMS}/Read`, request);
  expect(answer.status).toBe('0');
  return answer.messages.map((message) => streams.ReadResp.deserializeBinary(message));
}

function textId(text: string): Shared.UUID {
  const id = new shared.UUID();
  id.setString(text);
  return id;
}

describe('an event', () => {
  // Lengths at which the size of a length changes.
  it.each([0, 1, 127, 128, 16_383, 16_384, 300_000])(
    'with %i bytes of data and of metadata comes back as it went',
    async (bytes) => {
      const proposed = {
        stream: `schlüssel-${'s'.repeat(bytes % 200)}-${bytes}`,
        type: `Typ/${bytes}/“x”`,
        data: randomBytes(bytes),
        metadata: randomBytes(bytes),
      };
      const id = '12345678-9abc-4def-8123-456789abcdef';
      const success = (await append(textId(id), proposed)).getSuccess()!;
      const [response] = await read(proposed.stream);
      const event = response!.getEvent()!;
      const recorded = event.getEvent()!;
      expect(recorded.getId()!.getString()).toBe(id);
      expect(Buffer.from(recorded.getStreamIdentifier()!.getStreamName_asU8()).toString()).toBe(
        proposed.stream,
      );
      expect(recorded.getStreamRevision()).toBe('0');
      expect(recorded.getMetadataMap().get('type')).toBe(proposed.type);
      expect(recorded.getMetadataMap().get('content-type')).toBe('application/octet-stream');
      expect(Number(recorded.getMetadataMap().get('created')) / 10_000).toBeCloseTo(Date.now(), -5);
      expect(Buffer.from(recorded.getData_asU8()).equals(proposed.data)).toBe(true);
      expect(Buffer.from(recorded.getCustomMetadata_asU8()).equals(proposed.metadata)).toBe(true);
      const position = success.getPosition()!.getCommitPosition();
      expect([
        recorded.getCommitPosition(),
        recorded.getPreparePosition(),
        event.getCommitPosition(),
      ]).toEqual(Array(3).fill(position));
    },
  );

  it('with an id in its structured form gets the same id in text', async () => {
    const structured = new shared.UUID.Structured();
    structured.setMostSignificantBits(BigInt.asIntN(64, 0xf2345678_9abc_4defn).toString());
    structured.setLeastSignificantBits(BigInt.asIntN(64, 0x8123_0056789abcden).toString());
    const id = new shared.UUID();
    id.setStructured(structured);
    const empty = Buffer.alloc(0);
    await append(id, { stream: 'structured', type: 'T', data: empty, metadata: empty });
    const [response] = await read('structured');
    expect(response!.getEvent()!.getEvent()!.getId()!.getString()).toBe(
      'f2345678-9abc-4def-8123-0056789abcde',
    );
  });
});

describe('what the client asks first', () => {
  it('names the methods of this server and no other', async () => {
    const answer = await call(
      '/event_store.client.server_features.ServerFeatures/GetSupportedMethods',
      new shared.Empty(),
    );
    const supported = features.SupportedMethods.deserializeBinary(answer.messages[0]!);
    const names = supported
      .getMethodsList()
      .map((method) => `${method.getServiceName()}/${method.getMethodName()}`);
    expect(names.sort()).toEqual([
      'event_store.client.gossip.gossip/read',
      'event_store.client.server_features.serverfeatures/getsupportedmethods',
      'event_store.client.streams.streams/append',
      'event_store.client.streams.streams/batchappend',
      'event_store.client.streams.streams/delete',
      'event_store.client.streams.streams/read',
      'event_store.client.streams.streams/tombstone',
    ]);
  });

  it('finds one living leader at this port', async () => {
    const answer = await call('/event_store.client.gossip.Gossip/Read', new shared.Empty());
    const [member, ...others] = gossip.ClusterInfo.deserializeBinary(answer.messages[0]!).getMembersList();
    expect(others).toEqual([]);
    expect(member!.getState()).toBe(gossip.MemberInfo.VNodeState.LEADER);
    expect(member!.getIsAlive()).toBe(true);
    expect(member!.getHttpEndPoint()!.toObject()).toEqual({ address: '127.0.0.1', port: store.port });
  });
});

describe('bad input', () => {
  const frame = (bytes: number[]) => grpcFrame(Uint8Array.from(bytes));

  it.each([
    ['a message that ends in a field', frame([0x0a, 0x05, 0x01]), '2'],
    ['a wire type that does not exist', frame([0x0f]), '2'],
    ['a varint without an end', frame(Array(12).fill(0xff) as number[]), '2'],
    ['a compressed message', Buffer.from([1, 0, 0, 0, 0]), '12'],
    ['a message of 1 GiB', Buffer.from([0, 0x40, 0, 0, 0]), '8'],
    ['no message', Buffer.alloc(0), '3'],
  ])('(%s) ends the call with a status and harms nobody else', async (_, body, status) => {
    const answer = await rawCall(rawTargetOf(store.connectionString), `${STREAMS}/Read`, body);
    expect(answer.status).toBe(status);
    expect(await read('nobody')).toHaveLength(1);
  });

  it('(a method that does not exist) is unimplemented', async () => {
    expect((await call('/event_store.client.users.Users/Create', new shared.Empty())).status).toBe('12');
  });

  it('(another token) is not authenticated', async () => {
    const { port, token } = rawTargetOf(store.connectionString);
    for (const wrong of ['', 'guess', `${token}x`, token.replace(/.$/, token.endsWith('A') ? 'B' : 'A')]) {
      const answer = await rawCall({ port, token: wrong }, `${STREAMS}/Read`, Buffer.alloc(0));
      expect(answer.status).toBe('16');
    }
  });
});
