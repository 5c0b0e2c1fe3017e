/** The seal under which private keys of the authority are kept: scrypt makes the key of it, AES-256-GCM is the seal. */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'

/** A sealed key cannot be opened; the message is a sentence. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken'
}

// What OWASP asks of scrypt (2^17, 8, 1): 128 MB and a third of a second for each guess at a passphrase.
const usualCost = 2 ** 17
const blockSize = 8
const form = /^scrypt (\d{1,8}) ([A-Za-z0-9_-]{22})$/
const cipher = 'aes-256-gcm'
const ivBytes = 12
const tagBytes = 16

/** New settings of a seal: what beside the secret its key depends on. `cost` is scrypt's N, a power of two. */
export function newSealSettings(cost = usualCost): string {
  return `scrypt ${cost} ${randomBytes(16).toString('base64url')}`
}

/** Opens and seals. */
export class KeySeal {
  readonly #key: Buffer

  private constructor(key: Buffer) {
    this.#key = key
  }

  /** @throws SealBroken where the settings are none of {@link newSealSettings} */
  static async made(secret: Uint8Array, settings: string): Promise<KeySeal> {
    const [, cost = '', salt = ''] = form.exec(settings) ?? []
    if (cost === '') throw new SealBroken('The seal of the authority has settings that this program does not know.')
    const N = Number(cost)
    const options = { N, r: blockSize, p: 1, maxmem: 256 * N * blockSize }
    return new KeySeal(
      await new Promise((resolve, reject) =>
        scrypt(secret, Buffer.from(salt, 'base64url'), 32, options, (error, key) => (error === null ? resolve(key) : reject(error))),
      ),
    )
  }

  /** `label` says whose key it is: the sealed one cannot be passed off as another's. */
  seal(plain: Uint8Array, label: string): string {
    const iv = randomBytes(ivBytes)
    const sealing = createCipheriv(cipher, this.#key, iv, { authTagLength: tagBytes }).setAAD(Buffer.from(label))
    const sealed = Buffer.concat([sealing.update(plain), sealing.final()])
    return Buffer.concat([iv, sealing.getAuthTag(), sealed]).toString('base64url')
  }

  /** @throws SealBroken where it was sealed with another secret, for another label, or was changed since */
  open(sealed: string, label: string): Buffer {
    const bytes = Buffer.from(sealed, 'base64url')
    try {
      const opening = createDecipheriv(cipher, this.#key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
      opening.setAAD(Buffer.from(label)).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
      return Buffer.concat([opening.update(bytes.subarray(ivBytes + tagBytes)), opening.final()])
    } catch (error) {
      throw new SealBroken('The keys of the authority were sealed with another passphrase or key file, or were changed since.', {
        cause: error,
      })
    }
  }
}
