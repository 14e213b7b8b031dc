import { Module, type Provider, type Type } from '@nestjs/common';
import {
  PARAMTYPES_METADATA,
  ROUTE_ARGS_METADATA,
  SELF_DECLARED_DEPS_METADATA,
} from '@nestjs/common/constants.js';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { apiAdapter } from './api/http/configure-api.js';
import { openApiDocument } from './api/http/openapi.js';
import { ServerModule } from './server.module.js';

/** The OpenAPI document of the management API, from its routes alone: nothing is started or stored, and no port opened. */
export async function documentOfRoutes(): Promise<OpenAPIObject> {
  const app = await NestFactory.create<NestFastifyApplication>(routesAlone(), apiAdapter(), {
    bodyParser: false,
    logger: false,
    abortOnError: false,
  });
  try {
    return openApiDocument(app);
  } finally {
    await app.close();
  }
}

/** A module of the same routes on nothing: whatever they ask for is an empty object, as no route runs. */
function routesAlone(): Type {
  const controllers = ServerModule.on([]).controllers ?? [];
  const wanted = new Set([...controllers, ...controllers.flatMap(pipesOf)].flatMap(dependenciesOf));
  const providers = [...wanted].map((provide) => ({ provide, useValue: {} })) as Provider[];
  class RoutesAlone {}
  Module({ controllers, providers })(RoutesAlone);
  return RoutesAlone;
}

/** What the constructor takes: classes, or tokens that are named with `@Inject`. */
function dependenciesOf(injectable: Type): unknown[] {
  const types = (Reflect.getMetadata(PARAMTYPES_METADATA, injectable) ?? []) as unknown[];
  const named = (Reflect.getMetadata(SELF_DECLARED_DEPS_METADATA, injectable) ?? []) as {
    index: number;
    param: unknown;
  }[];
  return types.map((type, index) => named.find((one) => one.index === index)?.param ?? type);
}

/** Pipes of parameters, which Nest makes as well. */
function pipesOf(controller: Type): Type[] {
  return Object.getOwnPropertyNames(controller.prototype).flatMap((method) => {
    const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<
      string,
      { pipes?: unknown[] }
    >;
    return Object.values(args).flatMap(({ pipes = [] }) =>
      pipes.filter((pipe) => typeof pipe === 'function'),
    );
  }) as Type[];
}
