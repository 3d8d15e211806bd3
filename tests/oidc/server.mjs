// An authorization server for tests: `oidc-provider` on loopback, and a second port on which a test steers it.
//
// node server.mjs SETTINGS.json     see `tests/authorization_server.py`, which writes that file
//
// Says one line of JSON when it serves: {"port": P, "mtls_port": M or null, "control_port": C}. With `tls` both P and M speak
// TLS; M asks for a client certificate and takes any, as the provider decides what it is good for (RFC 8705).

import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

import { generate } from './keys.mjs';
import { makeProvider } from './provider.mjs';
import { Steering } from './steering.mjs';
import { stores } from './store.mjs';

const LOOPBACK = '127.0.0.1';
const ATTEMPTS = 50;

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const steering = new Steering();
const store = stores();
let keys = generate();
let answer = (request, response) => response.writeHead(503).end();

/** A listener that can go and come back on its port. */
class Listener {
  port = 0;

  constructor(server) {
    this.server = server;
  }

  async open() {
    // While it was away, another process's outgoing connection may have been given the port for a moment.
    for (let attempt = 1; ; attempt += 1) {
      try {
        await new Promise((resolve, reject) => {
          this.server.once('error', reject).listen(this.port, LOOPBACK, () => resolve(this.server.off('error', reject)));
        });
        break;
      } catch (error) {
        this.server.removeAllListeners('error');
        if (error.code !== 'EADDRINUSE' || attempt === ATTEMPTS) throw error;
        await sleep(100);
      }
    }
    this.port = this.server.address().port;
  }

  async close() {
    const closed = new Promise((resolve) => { this.server.close(resolve); });
    this.server.closeAllConnections();
    await closed;
  }
}

function listeners() {
  const handle = (request, response) => answer(request, response);
  if (!settings.tls) return [new Listener(http.createServer(handle))];
  const [cert, key, ca] = ['cert', 'key', 'client_ca'].map((name) => readFileSync(settings.tls[name]));
  const mtls = { cert, key, ca, requestCert: true, rejectUnauthorized: false };
  return [new Listener(https.createServer({ cert, key }, handle)), new Listener(https.createServer(mtls, handle))];
}

const [main, mtls] = listeners();

/** A provider with the present keys; the tokens of the one before live on in the store. */
function provide() {
  const scheme = settings.tls ? 'https' : 'http';
  const base = (listener) => listener && `${scheme}://${LOOPBACK}:${listener.port}`;
  const provider = makeProvider(settings, { issuer: base(main), mtls: base(mtls), keys, store });
  provider.use(steering.middleware);
  provider.on('server_error', (ctx, error) => console.error('server error:', error.message));
  answer = provider.callback();
}

const both = (act) => Promise.all([main, mtls].filter(Boolean).map(act));

const orders = {
  async fault({ endpoint, fault }) { steering.set(endpoint, fault); },
  async clear() { steering.clear(); },
  async requests() { return steering.counts; },
  async rotate({ keep }) {
    const fresh = generate();
    keys = keep ? [...fresh, ...keys] : fresh;
    provide();
  },
  async stop() { await both((listener) => listener.close()); },
  async start() { await both((listener) => listener.open()); },
};

async function control(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    const { order, ...rest } = JSON.parse(Buffer.concat(chunks).toString());
    const result = await orders[order](rest);
    response.end(JSON.stringify(result ?? {}));
  } catch (error) {
    response.writeHead(500).end(error.message);
  }
}

const controller = new Listener(http.createServer(control));
await both((listener) => listener.open());
await controller.open();
provide();
console.log(JSON.stringify({ port: main.port, mtls_port: mtls?.port ?? null, control_port: controller.port }));
