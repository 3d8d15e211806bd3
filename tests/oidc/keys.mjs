// Signing keys: each generation is one RSA and one P-256 key, made here and kept in memory alone.

import { generateKeyPairSync, randomBytes } from 'node:crypto';

const KINDS = [
  ['RS256', 'rsa', { modulusLength: 2048 }],
  ['ES256', 'ec', { namedCurve: 'P-256' }],
];

/** Private JWKs, one an algorithm, under key ids that no other generation has. */
export function generate() {
  const generation = randomBytes(4).toString('hex');
  return KINDS.map(([alg, kind, options]) => {
    const jwk = generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' });
    return { ...jwk, alg, use: 'sig', kid: `${alg.toLowerCase()}-${generation}` };
  });
}
