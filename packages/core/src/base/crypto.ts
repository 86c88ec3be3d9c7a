/** Signs with one Ed25519 key. */
export interface Signer {
  /** Raw public key, 32 bytes. */
  readonly publicKey: Uint8Array
  /** Ed25519 signature of `message`, 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}

/**
 * The primitives everything above uses, all synchronous. Two implementations give the same bytes:
 * `nobleCrypto` anywhere, `nodeCrypto` on Node's own library.
 */
export interface Crypto {
  /** SHA-256 of the concatenation of `parts`, 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array
  /** HMAC-SHA-256 of the concatenation of `parts`, 32 bytes. */
  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array
  /** HKDF-SHA-256 (RFC 5869); `info` is encoded as UTF-8; `length` bytes. */
  hkdf(key: Uint8Array, salt: Uint8Array, info: string, length: number): Uint8Array
  /** scrypt (RFC 7914) with N = 2 ** `costLog2`, r = 8, p = 1; 32 bytes. Resolves off the caller's turn where possible. */
  scrypt(password: Uint8Array, salt: Uint8Array, costLog2: number): Promise<Uint8Array>
  randomBytes(length: number): Uint8Array
  /** Signer for a 32-byte Ed25519 seed (RFC 8032). */
  signer(seed: Uint8Array): Signer
  /** Whether `signature` is `publicKey`'s over `message`; false for malformed keys or signatures, never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** X25519 public key of a 32-byte secret. */
  exchangePublicKey(secret: Uint8Array): Uint8Array
  /** ChaCha20-Poly1305 (RFC 8439), 12-byte nonce; `head` as it is, ciphertext, and the 16-byte tag. @default head is empty */
  seal(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, plain: Uint8Array, head?: Uint8Array): Uint8Array
  /** The plain text, or undefined when the tag does not match. */
  open(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | undefined
}
