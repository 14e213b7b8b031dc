import { Api, bodyOf } from './api.js';
import { exchange } from './http-exchange.js';

/** Of everybody who is registered here. */
export const PASSWORD = 'correct horse battery';

/** A user, with an access token that may do all that the user may. */
export interface Person {
  readonly userId: string;
  readonly token: string;
  readonly api: Api;
}

/** Registers a user and makes an access token for the user. */
export async function register(admin: Api, name: string): Promise<Person> {
  const email = `${name}@example.com`;
  const body = { email, name, password: PASSWORD };
  const { id } = bodyOf<{ id: string }>(await admin.call('/v1/users', { body }), 201);
  const { port } = admin;
  const signIn = await exchange(port, { path: '/v1/session', body: { email, password: PASSWORD } });
  bodyOf(signIn, 200);
  const cookie = signIn.headers['set-cookie']![0]!.split(';')[0]!;
  const headers = { cookie, origin: `http://127.0.0.1:${port}` };
  const made = await exchange(port, { path: '/v1/access-tokens', headers, body: { name } });
  const { token } = bodyOf<{ token: string }>(made, 201);
  return { userId: id, token, api: new Api(port, token, 0) };
}

/** An access token of the same user that may do less. */
export async function narrowed(api: Api, scope: { role?: string; registry?: string }): Promise<string> {
  const body = { name: 'narrowed', ...scope };
  return bodyOf<{ token: string }>(await api.call('/v1/access-tokens', { body }), 201).token;
}

export async function addMember(admin: Api, registry: string, userId: string, role: string): Promise<void> {
  bodyOf(await admin.call(`/v1/registries/${registry}/members`, { body: { userId, role } }), 201);
}
