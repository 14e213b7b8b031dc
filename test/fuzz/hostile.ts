import { formatKey } from '#libs/kernel';

/** A whole key that nobody has: its secret must come back in no answer, wherever it was sent. */
export const CANARY_SECRET = 'CanaryCanaryCanaryCanaryCanaryCanaryCanary1';
export const CANARY = formatKey('drk_CanaryCanary0001', CANARY_SECRET);

const CANARY_TOKEN = formatKey('drm_CanaryCanary0001', CANARY_SECRET);

const MEGABYTE = 1024 * 1024;
const HIGH = '\ud800';
const LOW = '\udfff';

/** Texts that have broken programs, for any place that takes text. */
export const HOSTILE_TEXTS: readonly string[] = [
  '', ' ', '\t', '\0', 'a\0b', '\x1b[31m', '\x7f', 'a\r\nSet-Cookie: x=1', 'a\nb', '\r', '\u2028', '\ufeffa', '\u202ea', '\u200b',
  HIGH, LOW, `a${HIGH}b`, `${LOW}${HIGH}`, '\ufffe', '\u{10ffff}', '👩‍👩‍👧‍👦', 'e\u0301'.repeat(100), 'İ', 'ß', 'ﬁ', '\u0430dmin', 'm\u0443app', 'ｍｙａｐｐ',
  '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__',
  "' OR 1=1 --", '"; DROP TABLE keys; --', "%' UNION SELECT 1 --", '%', '_', '\\', '*', '?', '[a-z]', '(a+)+$',
  '=cmd|\' /C calc\'!A0', '+1+1', '-2+3', '@SUM(1)', '=HYPERLINK("http://x")',
  '.', '..', '../..', '../../etc/passwd', '..\\..\\x', '/etc/passwd', 'a/../b', 'file:///etc/passwd', 'http://169.254.169.254/', 'javascript:alert(1)',
  '<script>alert(1)</script>', '"><img src=x>', '${7*7}', '{{7*7}}', '$(id)', '`id`', '%s%n%x', '%00', '%0d%0a', '%252e',
  'null', 'true', 'NaN', 'Infinity', '-0', '1e400', '9'.repeat(400), '0x10', '1_000', '١٢',
  '[]', '{}', '{"a":1}', '[object Object]', 'undefined', '$all', '$ce-key', 'reg_0000000000000000', 'drk_0000000000000000', 'usr_0000000000000000',
  'P1Y', 'P-1D', 'P999999999999D', '2030-02-30T00:00:00Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:60Z', '2030-01-01', '1e3',
  CANARY, `x ${CANARY} y`, 'x'.repeat(255), 'x'.repeat(1_001), 'x'.repeat(10_000), 'x'.repeat(MEGABYTE), '😀'.repeat(1_001),
]; // prettier-ignore

/** The same for places that take a time or a duration. */
export const HOSTILE_BY_FORMAT: Readonly<Record<string, readonly string[]>> = {
  'date-time': [
    '2030-02-30T00:00:00Z', '2030-02-29T00:00:00Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:60Z', '9999-12-31T23:59:59.999-23:59', '2030-01-01', '2030-01-01T00:00:00',
    '2030-01-01 00:00:00Z', '20300101T000000Z', '+012030-01-01T00:00:00Z', '-000001-01-01T00:00:00Z', '2030-13-01T00:00:00Z', '2030-01-01T24:00:00Z', '2030-W01-1', '1e13', 'now', '2030-01-01T00:00:00.0000000001Z', '٢٠٣٠-01-01T00:00:00Z',
  ],
  duration: ['P1Y', 'P1M', 'P-1D', '-P1D', 'P', 'PT', 'P1', 'P1.5D', 'PT0.5S', 'P1D1W', 'p1d', 'P 1D', 'P999999999999D', 'PT99999999999999999999S', 'P1DT', '90', 'P٩D', 'P0D', 'PT0S', 'P9007199254740993D'],
}; // prettier-ignore

/** Whole bodies, as bytes. */
export const HOSTILE_BODIES: readonly Buffer[] = [
  '', ' ', '{', '}', '[]', '[{}]', 'null', 'true', '0', '"x"', '{"a":1', '{"a":1}}', "{'a':1}", '{a:1}', '{"a":1,}', '{"a":NaN}', '{"a":1e400}',
  '{"__proto__":{"administrator":true}}', '{"constructor":{"prototype":{"x":1}}}', '{"\\u005f_proto__":{"x":1}}', '{"name":{"__proto__":[]}}', '{"toString":1}', '{"":1}',
  '{"name":"a","name":"b"}', '{"name":"\\ud800"}', '{"name":"\\u0000"}', '{"a":"\u2028"}', '\ufeff{}', '{}{}', '{}\n{}', '/* x */{}', '<x/>', 'a=1&b=2',
  '['.repeat(30_000), '{"a":'.repeat(10_000), `${'['.repeat(500)}${']'.repeat(500)}`, `{"a":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`,
  JSON.stringify({ name: 'x'.repeat(MEGABYTE) }), `{${Array.from({ length: 2_000 }, (_, at) => `"f${at}":1`).join(',')}}`, '9'.repeat(50_000),
].map((text) => Buffer.from(text)).concat([
  Buffer.from([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]), Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
  Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), Buffer.from([0x1f, 0x8b, 0x08, 0x00]), Buffer.alloc(64, 0), Buffer.from('{"name":"\xe9"}', 'latin1'),
]); // prettier-ignore

export const CONTENT_TYPES: readonly string[] = [
  'text/plain', 'text/html', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'multipart/form-data',
  'application/json; charset=utf-16', 'application/json;', 'application/json; charset="', 'APPLICATION/JSON', 'application/problem+json', 'application/jsonx',
  'application/json, text/plain', '', ' ', '/', 'a', 'application/\xff', '__proto__', 'constructor',
]; // prettier-ignore

/** Header lines that mean something to somebody on the way. Each character is one byte. */
export const HEADERS: readonly (readonly [string, string])[] = [
  ['origin', 'https://evil.example'], ['origin', 'null'], ['origin', ''], ['sec-fetch-site', 'cross-site'], ['sec-fetch-site', '\xff'], ['referer', 'https://evil.example/'],
  ['authorization', ''], ['authorization', 'Bearer'], ['authorization', 'Bearer  x'], ['authorization', `Bearer ${CANARY}`], ['authorization', `Bearer ${CANARY_TOKEN}`], ['authorization', `Basic ${CANARY_TOKEN}`], ['authorization', 'Basic eDp5'], ['authorization', '\xff\xfe'],
  ['authorization', `bearer drm_${'0'.repeat(5_000)}`], ['cookie', 'dockreg_session=\xff'], ['cookie', 'dockreg_session='], ['cookie', `dockreg_session=${CANARY}`],
  ['cookie', 'dockreg_session=ses_0000000000000000.x; dockreg_session=y'], ['cookie', '__proto__=1; constructor=2'], ['cookie', ';;=;%'], ['cookie', 'dockreg_session=%ff%00'],
  ['x-forwarded-for', "127.0.0.1, ' OR 1=1"], ['x-forwarded-for', '::'], ['x-forwarded-host', 'evil.example'], ['forwarded', 'for=_x;host="\xff"'], ['x-forwarded-proto', 'https'],
  ['x-http-method-override', 'DELETE'], ['x-original-url', '/v1/users'], ['x-request-id', 'a\tb'], ['dockreg-request-id', 'req_0000000000000000'], ['traceparent', '00-x-y-z'],
  ['idempotency-key', ''], ['idempotency-key', '\xff'], ['idempotency-key', 'a b'], ['idempotency-key', 'x'.repeat(300)], ['idempotency-key', '__proto__'], ['idempotency-key', CANARY],
  ['if-match', '*'], ['if-match', '"0"'], ['if-match', 'W/"1"'], ['if-match', '"99999999999999999999"'], ['if-match', '"a", "b"'], ['if-match', '\xff'], ['if-none-match', '*'],
  ['dockreg-min-position', '-1'], ['dockreg-min-position', '1e9'], ['dockreg-min-position', '18446744073709551615'], ['dockreg-min-position', '9'.repeat(100)], ['dockreg-min-position', ''], ['dockreg-min-position', '0'],
  ['accept', 'text/html'], ['accept', '*/*;q=\xff'], ['accept-encoding', 'gzip;q=x'], ['accept-language', '\xff'], ['content-encoding', 'gzip'], ['content-encoding', 'x'], ['expect', '100-continue'], ['expect', 'x'],
  ['range', 'bytes=0-'], ['upgrade', 'websocket'], ['te', 'trailers'], ['user-agent', CANARY], ['user-agent', '\xff'.repeat(2_000)], ['user-agent', ''], ['x-long', 'x'.repeat(20_000)],
  ['last-event-id', '-1'], ['last-event-id', '\xff'], ['host', 'evil.example'], ['x-bare-return', 'a\rb'], ['x-null', 'a\0b'], ['x bad name', 'a'], ['', 'a'], ['__proto__', 'a'], ['constructor', 'a'],
]; // prettier-ignore

/** Segments of a path, as they stand in the request line; each character is one byte. */
export const SEGMENTS: readonly string[] = [
  '', '.', '..', '%2e%2e', '..%2f..', '%2f', '%5c', '%', '%z', '%zz', '%0', '%00', '%0d%0aSet-Cookie:x', '%c0%ae', '%ed%a0%80', '%ff', '%e2%80%ae', '%u0041', '%25%30%30', '%252e',
  '\xff', '\xe9', "'", "'--", '"', '<x>', '*', '$all', ';', ';x=1', ':', '@', '!', '~', '{key}', '[]', '|', '\\', '^', '`', '__proto__', 'constructor', 'toString', 'revoke', 'undefined', 'null', 'NaN', '-1', '0', '1e9',
  'x'.repeat(253), 'x'.repeat(254), 'x'.repeat(5_000), '%78'.repeat(300), CANARY, '%F0%9F%98%80', 'm%D1%83app', '%EF%BD%8D', 'MYAPP', 'reg_0000000000000000', 'drk_0000000000000000', 'usr_0000000000000000',
]; // prettier-ignore
