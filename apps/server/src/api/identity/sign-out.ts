import { Controller, Delete, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { requireOrigin } from './authentication.js';
import { clearSessionCookie, sessionToken } from './session-cookie.js';
import { Sessions } from './sessions.js';

/** Ends the session of the cookie. Open to everyone, because signing out twice is no error. */
@Controller('v1/session')
@ApiTags('session')
export class SignOutRoute {
  constructor(private readonly sessions: Sessions) {}

  @Delete()
  @Public()
  @Operation({ position: false, summary: 'Sign out: the session ends and the cookie is cleared.' })
  async delete(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const token = sessionToken(request);
    if (token === undefined) return;
    requireOrigin(request);
    await this.sessions.end(token);
    clearSessionCookie(request, reply);
  }
}
