// The client certificate of a request (RFC 8705), as Node's TLS socket has it.

/** The certificate, undefined where the connection has none. */
export function certificateOf(ctx) {
  return ctx.req.socket.getPeerX509Certificate?.();
}

/** It leads to the authority that client certificates must come from. */
export function isAuthorized(ctx) {
  return ctx.req.socket.authorized === true;
}

const ALTERNATIVES = { tls_client_auth_san_dns: 'DNS:', tls_client_auth_san_uri: 'URI:' };

/** It holds the name that the client is registered with (RFC 8705 2.1.2); names of other kinds match nothing. */
export function subjectMatches(ctx, property, expected) {
  const certificate = certificateOf(ctx);
  if (property === 'tls_client_auth_subject_dn') {
    return certificate.subject.split('\n').reverse().join(',') === expected;
  }
  const prefix = ALTERNATIVES[property];
  const names = certificate.subjectAltName?.split(', ') ?? [];
  return prefix !== undefined && names.includes(`${prefix}${expected}`);
}
