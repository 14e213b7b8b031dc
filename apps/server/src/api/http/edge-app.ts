import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { expect } from '@jest/globals';
import { Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { apiAdapter, configureApi } from './configure-api.js';
import type { FieldProblem, ProblemBody } from './problems.js';

/** What a spec gets from one request. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Parsed JSON, typed for the answers that most specs look into; `{}` when the answer is not JSON. */
  readonly body: Partial<ProblemBody>;
}

/** For specs only: an application with the real edge on a free port of this machine. */
export class EdgeApp {
  private constructor(
    private readonly app: NestFastifyApplication,
    readonly port: number,
    /** What reached the log, one JSON text an entry. */
    readonly logged: readonly string[],
  ) {}

  static async start(
    metadata: ModuleMetadata,
    server: Parameters<typeof apiAdapter>[0] = {},
  ): Promise<EdgeApp> {
    class SpecModule {}
    Module(metadata)(SpecModule);
    const options = { logger: false, bodyParser: false } as const;
    const app = await NestFactory.create<NestFastifyApplication>(SpecModule, apiAdapter(server), options);
    const logged: string[] = [];
    await configureApi(app, { error: (...entry: unknown[]) => void logged.push(JSON.stringify(entry)) });
    await app.listen(0, '127.0.0.1');
    return new EdgeApp(app, (app.getHttpServer().address() as AddressInfo).port, logged);
  }

  /** Sends one request exactly as given; a body that is neither text nor bytes goes as JSON. */
  call(method: string, path: string, headers: Record<string, string> = {}, body?: unknown): Promise<Answer> {
    const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
    const bytes = Buffer.from(isRaw ? (body ?? '') : JSON.stringify(body));
    const framing = { 'content-type': 'application/json', 'content-length': String(bytes.length) };
    const all = body === undefined ? headers : { ...framing, ...headers };
    const options = { host: '127.0.0.1', port: this.port, method, path, headers: all, agent: false };
    return new Promise((resolve, reject) => {
      const sent = httpRequest(options, (answer) => void read(answer).then(resolve, reject));
      sent.on('error', reject);
      sent.end(bytes);
    });
  }

  close(): Promise<void> {
    return this.app.close();
  }
}

async function read(answer: IncomingMessage): Promise<Answer> {
  const { statusCode: status = 0, headers } = answer;
  const text = await textOf(answer);
  const isJson = /json/.test(headers['content-type'] ?? '');
  return { status, headers, text, body: isJson ? (JSON.parse(text) as Partial<ProblemBody>) : {} };
}

/** Checks that an answer is a whole problem with this status and code, and returns its faults. */
export function faultsOf(
  { status, headers, body }: Answer,
  expected: number,
  code: string,
): readonly FieldProblem[] {
  expect({ status, body }).toMatchObject({
    status: expected,
    body: { status: expected, code, type: `/problems/${code}` },
  });
  expect(headers).toMatchObject({
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'dockreg-request-id': body.requestId,
  });
  expect(body.requestId).toMatch(/^req_[0-9A-Za-z]{16}$/);
  expect(Object.keys(body)).toEqual(expect.arrayContaining(['title', 'detail']));
  return body.errors ?? [];
}
