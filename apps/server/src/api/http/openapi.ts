import { applyDecorators, HttpCode, type Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  ApiExtension,
  ApiOperation,
  ApiResponse,
  DocumentBuilder,
  SwaggerModule,
  type OpenAPIObject,
} from '@nestjs/swagger';
import { completeDocument, ROUTE_FACTS, type RouteFacts } from './complete-document.js';
import { describeRights } from './declared-right.js';
import { PROBLEM } from './problem-schema.js';

/** Names of the two ways to authenticate in the document. */
const COOKIE = 'session';
const BEARER = 'accessToken';

/**
 * What a route does (one line) and answers with; `status` is 200 unless told, and the schema follows the answer's class. `id` is
 * the operationId, for ever; by default the class's name without `Route`, so a class with two routes tells both.
 */
export function Operation(
  options: {
    summary: string;
    answer?: Type<unknown>;
    /** The answer is a list of it, without pages. */
    isList?: boolean;
    status?: number;
    id?: string;
  } & RouteFacts,
): MethodDecorator {
  const { summary, answer, isList = false, status = answer ? 200 : 204, id, ...facts } = options;
  const shape = answer ? { type: answer, isArray: isList } : {};
  return applyDecorators(
    HttpCode(status),
    ApiOperation({ summary, ...(id === undefined ? {} : { operationId: id }) }),
    ApiResponse({ status, description: summary, ...shape }),
    ApiExtension(ROUTE_FACTS, facts),
  );
}

/** Serves `/openapi.json` and, with files of its own and no other site, readable docs at `/docs`. Built at the first request. */
export async function serveOpenApi(app: NestFastifyApplication): Promise<void> {
  SwaggerModule.setup('docs', app, () => openApiDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Dockreg Keys API',
    // Else the page asks a validator on another site for a badge.
    swaggerOptions: { validatorUrl: null },
  });
}

/** The OpenAPI 3.1 document of all routes of the application. */
export function openApiDocument(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Dockreg Keys')
    .setDescription(
      'Keys of a container registry: generate, list, revoke. Problems are explained under /problems.',
    )
    .setVersion('1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/', 'This installation.')
    .addCookieAuth('dockreg_session', { type: 'apiKey', in: 'cookie' }, COOKIE)
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'drm_…' }, BEARER)
    .addSecurityRequirements(COOKIE)
    .addSecurityRequirements(BEARER)
    .build();
  const document = SwaggerModule.createDocument(app, config, { operationIdFactory: operationId });
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, Problem: PROBLEM },
  };
  describeRights(document);
  completeDocument(document);
  return document;
}

/** `generateKey` for the class `GenerateKeyRoute`. */
function operationId(route: string): string {
  const name = route.replace(/Route$/, '');
  return name.charAt(0).toLowerCase() + name.slice(1);
}
