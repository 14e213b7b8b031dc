import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { setSessionCookie } from './session-cookie.js';
import { EdgeApp } from '../http/edge-app.js';
import { truncatedNetwork } from '#libs/geography';

@Controller('v1/callers')
class Callers {
  @Get()
  show(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    setSessionCookie(request, reply, 'token');
    return { ip: request.ip, network: truncatedNetwork(request.ip) ?? null };
  }

  @Post()
  write(): void {
    return;
  }
}

let app: EdgeApp | undefined;
afterEach(() => app?.close());

async function seen(trustedProxies: readonly string[], headers: Record<string, string>) {
  app = await EdgeApp.start({ controllers: [Callers] }, { trustedProxies });
  const answer = await app.call('GET', '/v1/callers', headers);
  const { ip, network } = JSON.parse(answer.text) as { ip: string; network: string | null };
  return { ip, network, cookie: answer.headers['set-cookie']![0]! };
}

describe('the address of a caller', () => {
  it.each([
    ['nobody is trusted', []],
    ['another one is trusted', ['10.0.0.0/8', '::1']],
  ])('is that of the connection where %s, whatever headers say', async (_, trusted) => {
    const headers = {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'keys.example.com',
      'x-real-ip': '203.0.113.9',
      forwarded: 'for=203.0.113.9;proto=https',
    };
    const { ip, network, cookie } = await seen(trusted, headers);
    expect([ip, network]).toEqual(['127.0.0.1', '127.0.0.0/24']);
    expect(cookie).toMatch(/^dockreg_session=/);
    expect(cookie).not.toContain('Secure');
  });

  it.each([
    ['the one that the proxy saw', '203.0.113.9', '203.0.113.9', '203.0.113.0/24'],
    ['not the one that the caller made up', '8.8.8.8, 203.0.113.9', '203.0.113.9', '203.0.113.0/24'],
    [
      'beyond all proxies that are trusted',
      '8.8.8.8, 203.0.113.9, 10.1.2.3',
      '203.0.113.9',
      '203.0.113.0/24',
    ],
    ['of IPv6', '2001:db8:1:2::9', '2001:db8:1:2::9', '2001:db8:1::/48'],
    ['nothing that is no address', 'unknown', 'unknown', null],
  ])('behind a trusted proxy is %s', async (_, forwarded, ip, network) => {
    const headers = { 'x-forwarded-for': forwarded };
    expect(await seen(['127.0.0.0/8', '10.0.0.0/8'], headers)).toMatchObject({ ip, network });
  });
});

describe('the session cookie', () => {
  it('is for HTTPS alone when a trusted proxy says that the browser speaks it, whichever host it calls', async () => {
    const { cookie } = await seen(['127.0.0.1'], { 'x-forwarded-proto': 'https' });
    expect(cookie).toMatch(/^__Host-dockreg_session=.*Secure/);
  });
});

describe('a write through a trusted proxy', () => {
  it('must come from the very host that the browser called', async () => {
    app = await EdgeApp.start({ controllers: [Callers] }, { trustedProxies: ['127.0.0.1'] });
    const from = (origin: string) =>
      app!.call('POST', '/v1/callers', { origin, host: 'keys.example.com', 'x-forwarded-proto': 'https' });
    expect((await from('https://keys.example.com')).status).toBe(201);
    expect((await from('https://evil.example.com')).status).toBe(403);
  });
});
