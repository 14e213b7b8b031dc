import { applyDecorators, HttpCode, type Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  ApiOperation,
  ApiResponse,
  DocumentBuilder,
  SwaggerModule,
  type OpenAPIObject,
} from '@nestjs/swagger';
import { describeRights } from './declared-right.js';

/** Names of the two ways to authenticate in the document. */
const COOKIE = 'session';
const BEARER = 'accessToken';

/** What a route does (one line) and answers with; `status` is 200 unless told, and the schema follows the answer's class. */
export function Operation(options: {
  summary: string;
  answer?: Type<unknown>;
  status?: number;
  /** The answer is a list of it, without pages. */
  isList?: boolean;
}): MethodDecorator {
  const { summary, answer, status = answer ? 200 : 204, isList = false } = options;
  const shape = answer ? { type: answer, isArray: isList } : {};
  return applyDecorators(
    HttpCode(status),
    ApiOperation({ summary }),
    ApiResponse({ status, description: summary, ...shape }),
    ApiResponse({ status: 'default', description: 'A problem (RFC 9457).', content: PROBLEM_CONTENT }),
  );
}

const PROBLEM_CONTENT = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

/** Serves `/openapi.json` and, with files of its own and no other site, readable docs at `/docs`. Built at the first request. */
export async function serveOpenApi(app: NestFastifyApplication): Promise<void> {
  SwaggerModule.setup('docs', app, () => openApiDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Dockreg Keys API',
  });
}

/** The OpenAPI 3.1 document of all routes of the application. */
function openApiDocument(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Dockreg Keys')
    .setDescription(
      'Keys of a container registry: generate, list, revoke. Problems are explained under /problems.',
    )
    .setVersion('1')
    .addCookieAuth('dockreg_session', { type: 'apiKey', in: 'cookie' }, COOKIE)
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'drm_…' }, BEARER)
    .addSecurityRequirements(COOKIE)
    .addSecurityRequirements(BEARER)
    .build();
  const document = SwaggerModule.createDocument(app, config);
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, Problem: PROBLEM },
  };
  describeRights(document);
  return document;
}

/** RFC 9457 with the members that this API adds. */
const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    requestId: { type: 'string' },
    record: {
      type: 'object',
      description: 'With `host-not-proven`: the DNS record that proves the host.',
      required: ['name', 'type', 'value'],
      properties: {
        name: { type: 'string' },
        type: { type: 'string', enum: ['TXT'] },
        value: { type: 'string' },
      },
    },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['code', 'detail'],
        properties: {
          pointer: { type: 'string', description: 'JSON pointer into the body.' },
          parameter: { type: 'string', description: 'Name in the query.' },
          code: { type: 'string' },
          detail: { type: 'string' },
        },
      },
    },
  },
};
