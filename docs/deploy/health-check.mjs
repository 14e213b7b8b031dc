// What the image's HEALTHCHECK runs: asks `/readyz` of the server in this container and exits with 0 when that says 200.
// A gate with GATE_PROXY_PROTOCOL=v2 and no other role lets nobody in without a header: there, leave the check out.
import { get } from 'node:http';
import { get as getOverTls } from 'node:https';

/** Below the `--timeout` of the HEALTHCHECK. */
const ANSWER_WITHIN_MS = 4_000;

const { ROLES, API_PORT, GATE_PORT, GATE_TLS_CERT } = process.env;
const roles = (ROLES || 'api,gate,worker').split(',').map((role) => role.trim());
// A worker by itself answers where an API would.
const isAtGate = roles.includes('gate') && !roles.includes('api');
const port = isAtGate ? GATE_PORT || 5000 : API_PORT || 3000;
// The certificate is for names of the outside, and nobody stands in between.
const ask = isAtGate && GATE_TLS_CERT ? getOverTls : get;
const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);

ask(
  { host: '127.0.0.1', port, path: '/readyz', signal, agent: false, rejectUnauthorized: false },
  (answer) => {
    process.exit(answer.statusCode === 200 ? 0 : 1);
  },
).on('error', () => process.exit(1));
