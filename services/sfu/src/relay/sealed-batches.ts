import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { RelayPublication } from "@cation/proto/relay/v1/relay";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const SALT_BYTES = 4;
const COUNTER_BYTES = 8;
const TAG_BYTES = 16;

/**
 * Seals the batches of one publication: counter, ciphertext, tag (AES-256-GCM, NIST SP 800-38D). The nonce is salt and counter;
 * key and salt are made for the publication and used by nobody else. Whoever has the key may read, and the broker has not.
 */
export class BatchSealer {
  readonly publication: RelayPublication;
  readonly #subject: Buffer;
  readonly #nonce = Buffer.alloc(SALT_BYTES + COUNTER_BYTES);
  #counter = 0n;

  constructor(subject: string) {
    this.publication = { subject, key: randomBytes(KEY_BYTES), salt: randomBytes(SALT_BYTES) };
    this.#subject = Buffer.from(subject);
    this.#nonce.set(this.publication.salt);
  }

  /** In memory of its own. */
  seal(packets: Uint8Array): Buffer {
    this.#nonce.writeBigUInt64BE((this.#counter += 1n), SALT_BYTES);
    const cipher = createCipheriv(CIPHER, this.publication.key, this.#nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(this.#subject);
    return Buffer.concat([
      this.#nonce.subarray(SALT_BYTES),
      cipher.update(packets),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
  }
}

/** Opens the batches of one publication. */
export class BatchOpener {
  /** Not sealed with the key, older than what came before, or too short. */
  drops = 0;
  readonly #key: Uint8Array;
  readonly #subject: Buffer;
  readonly #nonce = Buffer.alloc(SALT_BYTES + COUNTER_BYTES);
  #last = 0n;

  private constructor({ subject, key, salt }: RelayPublication) {
    this.#key = key;
    this.#subject = Buffer.from(subject);
    this.#nonce.set(salt);
  }

  /** Undefined for a publication that makes no sense. */
  static create(publication: RelayPublication): BatchOpener | undefined {
    const { key, salt } = publication;
    return key.length === KEY_BYTES && salt.length === SALT_BYTES ? new BatchOpener(publication) : undefined;
  }

  /** The batch; undefined where it is none, or comes again. */
  open(sealed: Uint8Array): Buffer | undefined {
    const end = sealed.length - TAG_BYTES;
    if (end < COUNTER_BYTES) return this.#drop();
    this.#nonce.set(sealed.subarray(0, COUNTER_BYTES), SALT_BYTES);
    const counter = this.#nonce.readBigUInt64BE(SALT_BYTES);
    if (counter <= this.#last) return this.#drop();
    const decipher = createDecipheriv(CIPHER, this.#key, this.#nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(this.#subject);
    decipher.setAuthTag(sealed.subarray(end));
    const packets = decipher.update(sealed.subarray(COUNTER_BYTES, end));
    try {
      decipher.final();
    } catch {
      return this.#drop();
    }
    this.#last = counter;
    return packets;
  }

  #drop(): undefined {
    this.drops += 1;
    return undefined;
  }
}
