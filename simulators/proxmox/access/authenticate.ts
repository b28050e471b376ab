import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Random } from '../../../src/ports/random.ts';
import { type Caller, type Method, PveRefusal } from '../call.ts';
import type { Cluster } from '../state.ts';

/** Tickets, CSRF tokens and API tokens: who asks. */
export interface Authenticator {
  /**
   * Who sent this request, by its headers.
   *
   * @throws PveRefusal 401; a wrong secret, an unknown token, an expired and a disabled one all read alike
   */
  identify(method: Method, headers: Readonly<Record<string, string>>): Caller;
  /** A password, or a ticket in its place, of `user@realm`; undefined when it is not right. */
  login(user: string, password: string): { readonly ticket: string; readonly csrf: string } | undefined;
}

/** A ticket is good for two hours. */
const TICKET_S = 7_200;
/** A clock that ran ahead a little is forgiven. */
const EARLY_S = 300;

export function createAuthenticator(cluster: Cluster, clock: Clock, random: Random): Authenticator {
  const key = random.bytes(32);
  const seconds = (): number => Math.floor(clock.now() / 1000);
  const sign = (text: string): string => createHmac('sha256', key).update(text).digest('base64');

  function isFresh(hexTime: string): boolean {
    const age = seconds() - Number.parseInt(hexTime, 16);
    return age > -EARLY_S && age < TICKET_S;
  }

  function userOfTicket(ticket: string): string | undefined {
    const [, plain = '', user = '', time = '', signature = ''] =
      /^(PVE:([^:]+):([0-9A-F]{8}))::(.+)$/.exec(ticket) ?? [];
    return same(signature, sign(plain)) && isFresh(time) && isActive(user) ? user : undefined;
  }

  function isActive(user: string): boolean {
    const known = cluster.users.get(user);
    return known?.enable === true && (known.expire === 0 || known.expire > seconds());
  }

  function ticketOf(user: string): { ticket: string; csrf: string } {
    const time = seconds().toString(16).toUpperCase().padStart(8, '0');
    const plain = `PVE:${user}:${time}`;
    return { ticket: `${plain}::${sign(plain)}`, csrf: `${time}:${sign(`CSRF:${time}:${user}`)}` };
  }

  function byTicket(method: Method, ticket: string, csrf: string | undefined): Caller {
    const user = userOfTicket(ticket);
    if (user === undefined) throw new PveRefusal(401, 'Authentication failed!');
    if (method !== 'GET') {
      const [time = '', signature = ''] = (csrf ?? '').split(':');
      if (!isFresh(time) || !same(signature, sign(`CSRF:${time}:${user}`))) {
        throw new PveRefusal(401, 'Permission denied - invalid csrf token');
      }
    }
    return { user };
  }

  function byToken(header: string): Caller {
    const [, user = '', name = '', secret = ''] = /^PVEAPIToken=([^!=]+)!([^=]+)=(.+)$/.exec(header) ?? [];
    const token = cluster.users.get(user)?.tokens.get(name);
    const good = token && isActive(user) && (token.expire === 0 || token.expire > seconds());
    if (!good || !same(secret, token.secret)) throw new PveRefusal(401, 'Authentication failed!');
    return { user, token: name };
  }

  return {
    identify(method, headers) {
      const ticket = cookie(headers['cookie'], 'PVEAuthCookie');
      // A good cookie wins over a bad token header beside it.
      if (ticket !== undefined) return byTicket(method, ticket, headers['csrfpreventiontoken']);
      const authorization = headers['authorization'];
      if (authorization?.startsWith('PVEAPIToken')) return byToken(authorization);
      throw new PveRefusal(401, 'No ticket');
    },
    login(user, password) {
      const known = cluster.users.get(user);
      const right =
        (known?.password !== undefined && same(known.password, password)) || userOfTicket(password) === user;
      return known && right && isActive(user) ? ticketOf(user) : undefined;
    },
  };
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function cookie(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return decodeURIComponent(pair.slice(at + 1).trim());
  }
  return undefined;
}
