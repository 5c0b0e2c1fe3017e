/** The secret under which the authority's keys are sealed: a passphrase, or the content of a key file. */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'

/** What an operator gives. */
export type SecretSource = { readonly passphrase: string } | { readonly keyFile: string }

/** A secret, and whether it was made just now. */
export interface SealingSecret {
  readonly bytes: Uint8Array
  /** The path, where there was no key file and one was made. */
  readonly freshKeyFile: string | null
}

const shortestPassphrase = 12
const shortestKey = 32
const longestKey = 4096

/**
 * Reads the secret. Where the key file is missing one is made, of 256 random bits and mode 0600: only for an authority that is new
 * (`isNew`), since for one that exists another key opens nothing.
 * @throws Error with a sentence that names what is wrong
 */
export function readSecret(source: SecretSource, isNew: boolean): SealingSecret {
  if ('keyFile' in source) return readKeyFile(source.keyFile, isNew)
  const { passphrase } = source
  if (passphrase.length < shortestPassphrase) {
    throw new Error(`The passphrase of the authority has ${passphrase.length} characters, at least ${shortestPassphrase} are wanted.`)
  }
  return { bytes: Buffer.from(passphrase.normalize('NFC')), freshKeyFile: null }
}

function readKeyFile(path: string, isNew: boolean): SealingSecret {
  try {
    const bytes = readFileSync(path)
    if (bytes.length >= shortestKey && bytes.length <= longestKey) return { bytes, freshKeyFile: null }
    throw new RangeError(`it has ${bytes.length} bytes, expected ${shortestKey} to ${longestKey}`)
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (isMissing && isNew) return { bytes: makeKeyFile(path), freshKeyFile: path }
    const reason = isMissing ? 'it is not there, and the keys of this authority were sealed with it' : (error as Error).message
    throw new Error(`The key file ${path} of the authority cannot be used: ${reason}.`, { cause: error })
  }
}

function makeKeyFile(path: string): Uint8Array {
  const text = `${randomBytes(32).toString('base64url')}\n`
  try {
    // 'wx': whatever came into being there in between is not overwritten.
    const handle = openSync(path, 'wx', 0o600)
    writeSync(handle, text)
    // On the disk before any key is sealed with it.
    fsyncSync(handle)
    closeSync(handle)
  } catch (error) {
    throw new Error(`The key file ${path} of the authority cannot be made: ${(error as Error).message}.`, { cause: error })
  }
  return Buffer.from(text)
}
