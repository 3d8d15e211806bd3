// What a test does to the server: it counts the requests of each endpoint, and holds, replaces or changes answers.
//
// A fault is one of an endpoint and lasts `times` requests, else until it is taken back. Its fields, each optional:
//   delay_ms  wait so long first;
//   reset     end the connection without an answer;
//   raw       send these bytes instead of an answer, and keep the connection open for what is asked next;
//   status, headers, body   answer this instead of the provider (headers alone go onto the provider's own answer);
//   patch     put these members over the provider's JSON; null takes one out.

import { setTimeout as sleep } from 'node:timers/promises';

const NAMES = {
  '/.well-known/openid-configuration': 'discovery',
  '/.well-known/oauth-authorization-server': 'discovery',
  '/jwks': 'jwks',
  '/token': 'token',
  '/token/introspection': 'introspection',
  '/token/revocation': 'revocation',
};

export class Steering {
  #faults = new Map();

  #counts = {};

  get counts() {
    return this.#counts;
  }

  set(endpoint, fault) {
    if (fault === null) this.#faults.delete(endpoint);
    else this.#faults.set(endpoint, { ...fault });
  }

  clear() {
    this.#faults.clear();
  }

  #take(endpoint) {
    const fault = this.#faults.get(endpoint);
    if (fault?.times !== undefined) {
      fault.times -= 1;
      if (fault.times <= 0) this.#faults.delete(endpoint);
    }
    return fault ?? {};
  }

  /** Koa middleware, ahead of the provider's own. */
  middleware = async (ctx, next) => {
    const endpoint = NAMES[ctx.path] ?? 'other';
    this.#counts[endpoint] = (this.#counts[endpoint] ?? 0) + 1;
    const fault = this.#take(endpoint);
    if (fault.delay_ms) await sleep(fault.delay_ms);
    if (fault.reset) {
      ctx.respond = false;
      ctx.req.socket.destroy();
      return;
    }
    if (fault.raw !== undefined) {
      await drained(ctx.req);
      ctx.respond = false;
      ctx.req.socket.write(fault.raw);
      return;
    }
    if (fault.status === undefined && fault.body === undefined) await next();
    else replace(ctx, fault);
    if (fault.headers) ctx.set(fault.headers);
    if (fault.patch) ctx.body = patched(ctx.body, fault.patch);
  };
}

async function drained(request) {
  for await (const chunk of request) void chunk;
}

function replace(ctx, { status = 200, body = '' }) {
  ctx.status = status;
  ctx.type = 'application/json';
  ctx.body = body;
}

function patched(body, patch) {
  const merged = Object.entries({ ...body, ...patch });
  return Object.fromEntries(merged.filter(([, value]) => value !== null));
}
