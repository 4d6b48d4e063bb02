import {
  constants,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  privateEncrypt,
  publicDecrypt,
} from 'node:crypto';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import type { JsonObject } from '../json.ts';
import { badParameter } from './vault-errors.ts';

export type KeyType = 'RSA' | 'RSA-HSM' | 'EC' | 'EC-HSM';
export type CurveName = 'P-256' | 'P-384' | 'P-521';

/** What a key is made of: RSA keys have a size in bits, the others a curve. */
export type KeyKind =
  | { readonly kty: 'RSA' | 'RSA-HSM'; readonly keySize: 2048 | 3072 | 4096 }
  | { readonly kty: 'EC' | 'EC-HSM'; readonly crv: CurveName };

const CURVES = { 'P-256': p256, 'P-384': p384, 'P-521': p521 } as const;

interface Algorithm {
  readonly digestBytes: number;
  /** Of an RSA signature: the DER start of DigestInfo (RFC 8017, 9.2), hexadecimal. */
  readonly prefix?: string;
  readonly crv?: CurveName;
}

/** https://learn.microsoft.com/azure/key-vault/keys/about-keys-details#signverify */
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  RS256: { digestBytes: 32, prefix: '3031300d060960864801650304020105000420' },
  RS384: { digestBytes: 48, prefix: '3041300d060960864801650304020205000430' },
  RS512: { digestBytes: 64, prefix: '3051300d060960864801650304020305000440' },
  ES256: { digestBytes: 32, crv: 'P-256' },
  ES384: { digestBytes: 48, crv: 'P-384' },
  ES512: { digestBytes: 64, crv: 'P-521' },
};

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** The private key too. */
  readonly jwk: JsonWebKey;
}

/** The pair of keys of one key version. It is made when first needed: making one takes a while, and most are never used. */
export class KeyMaterial {
  readonly kind: KeyKind;
  #pair: Pair | undefined;

  constructor(kind: KeyKind) {
    this.kind = kind;
  }

  /** The members of the JSON web key that everybody may know. */
  publicJwk(): JsonObject {
    const { jwk } = this.#keys();
    if ('keySize' in this.kind) return { n: jwk.n, e: jwk.e };
    return { crv: this.kind.crv, x: jwk.x, y: jwk.y };
  }

  /** Signs a digest. Throws BadParameter when algorithm, key and length do not fit together. */
  sign(name: string, digest: Buffer): Buffer {
    const { crv, prefix } = this.#check(name, digest);
    const { jwk, privateKey } = this.#keys();
    if (crv !== undefined) return Buffer.from(CURVES[crv].sign(digest, fromText(jwk.d), { prehash: false }));
    const info = Buffer.concat([Buffer.from(prefix ?? '', 'hex'), digest]);
    return privateEncrypt({ key: privateKey, padding: constants.RSA_PKCS1_PADDING }, info);
  }

  /** True when this key has made the signature. Throws BadParameter as `sign` does. */
  verify(name: string, digest: Buffer, signature: Buffer): boolean {
    const { crv, prefix } = this.#check(name, digest);
    const { jwk, publicKey } = this.#keys();
    try {
      if (crv !== undefined) {
        const point = Buffer.concat([Buffer.of(4), fromText(jwk.x), fromText(jwk.y)]);
        return CURVES[crv].verify(signature, digest, point, { prehash: false, lowS: false });
      }
      const info = publicDecrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, signature);
      return info.equals(Buffer.concat([Buffer.from(prefix ?? '', 'hex'), digest]));
    } catch {
      // Not a signature at all.
      return false;
    }
  }

  #check(name: string, digest: Buffer): Algorithm {
    const algorithm = ALGORITHMS[name];
    if (algorithm === undefined) throw badParameter(`The algorithm '${name}' is not known, or not simulated.`);
    if (algorithm.crv !== ('crv' in this.kind ? this.kind.crv : undefined)) {
      throw badParameter(`Key and signing algorithm are incompatible: '${name}' and a key of type '${this.kind.kty}'.`);
    }
    if (digest.length !== algorithm.digestBytes) {
      const text = `Invalid length of digest: ${digest.length} bytes. ${name} requires ${algorithm.digestBytes} bytes, encoded with base64url.`;
      throw badParameter(text);
    }
    return algorithm;
  }

  #keys(): Pair {
    this.#pair ??= generate(this.kind);
    return this.#pair;
  }
}

function generate(kind: KeyKind): Pair {
  const { privateKey, publicKey } =
    'keySize' in kind
      ? generateKeyPairSync('rsa', { modulusLength: kind.keySize })
      : generateKeyPairSync('ec', { namedCurve: kind.crv });
  return { privateKey, publicKey, jwk: privateKey.export({ format: 'jwk' }) };
}

function fromText(member: string | undefined): Buffer {
  return Buffer.from(member ?? '', 'base64url');
}
