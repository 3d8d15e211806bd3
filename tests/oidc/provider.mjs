// The provider's configuration, from ours: which clients and resources there are, and what their tokens say.
//
// Nothing here answers a request: whatever the server says in a test that steers nothing is `oidc-provider`'s own word.

import Provider from 'oidc-provider';

import { certificateOf, isAuthorized, subjectMatches } from './certificate.mjs';

const OURS = ['claims', 'payload', 'header', 'resource', 'ttl_s'];
const ENDPOINTS = {
  token_endpoint: '/token',
  introspection_endpoint: '/token/introspection',
  revocation_endpoint: '/token/revocation',
};

/** A provider of these clients under that issuer. `mtls` is the base of the endpoints for clients with certificates. */
export function makeProvider(settings, { issuer, mtls, keys, store }) {
  const own = new Map(settings.clients.map((client) => [client.client_id, client]));
  const scopes = [...new Set(settings.clients.flatMap((client) => client.scope?.split(' ') ?? []))];
  return new Provider(issuer, {
    adapter: store,
    jwks: { keys },
    clients: settings.clients.map(metadata),
    clientDefaults: { grant_types: ['client_credentials'], response_types: [], redirect_uris: [] },
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth',
    ],
    scopes,
    discovery: mtls === undefined ? {} : { mtls_endpoint_aliases: aliases(mtls) },
    ttl: { ClientCredentials: (ctx, token, client) => own.get(client.clientId)?.ttl_s ?? token.resourceServer?.accessTokenTTL ?? 3600 },
    extraTokenClaims: (ctx, token) => own.get(token.clientId)?.claims,
    formats: { customizers: { jwt: (ctx, token, jwt) => customize(own.get(token.clientId), jwt) } },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true, allowedPolicy: () => true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        tlsClientAuth: true,
        selfSignedTlsClientAuth: true,
        getCertificate: certificateOf,
        certificateAuthorized: isAuthorized,
        certificateSubjectMatches: subjectMatches,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, client) => own.get(client.clientId)?.resource ?? settings.resource,
        getResourceServerInfo: (ctx, name, client) => resource(settings, ctx, name, client, scopes),
      },
    },
  });
}

function metadata(client) {
  return Object.fromEntries(Object.entries(client).filter(([name]) => !OURS.includes(name)));
}

function aliases(base) {
  return Object.fromEntries(Object.entries(ENDPOINTS).map(([name, path]) => [name, `${base}${path}`]));
}

function resource(settings, ctx, name, client, scopes) {
  const { audience, format, algorithm, ttl_s: ttl } = settings.resources[name];
  // RFC 6749 3.3: who asks for no scope gets a default, which is, as with other servers, all that the client may have.
  ctx.oidc.params.scope ??= client.scope;
  return {
    scope: scopes.join(' '),
    audience,
    accessTokenFormat: format,
    accessTokenTTL: ttl,
    jwt: format === 'jwt' ? { sign: { alg: algorithm } } : undefined,
  };
}

/** `payload` and `header` of a client have the last word on its JWTs, so that they can be wrong; null takes one out. */
function customize(client, jwt) {
  Object.assign(jwt.payload, client?.payload);
  for (const [name, value] of Object.entries(client?.payload ?? {})) if (value === null) delete jwt.payload[name];
  jwt.header = { ...jwt.header, ...client?.header };
}
