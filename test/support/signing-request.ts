/** Certificate requests (PKCS#10 in PEM), made by OpenSSL as by anybody who is no part of the mesh; the wrong ones too. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The key of a request. */
export type RequestKey = 'P-256' | 'RSA-1024'

const newKey: Readonly<Record<RequestKey, readonly string[]>> = {
  'P-256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'RSA-1024': ['-newkey', 'rsa:1024'],
}

/** A request for a SPIFFE ID over a new key. */
export function signingRequest(spiffeId: string, key: RequestKey = 'P-256'): string {
  const directory = mkdtempSync(join(tmpdir(), 'zerohop-csr-'))
  try {
    const out = join(directory, 'request.pem')
    const files = ['-keyout', join(directory, 'key.pem'), '-out', out]
    execFileSync(
      'openssl',
      ['req', '-new', '-nodes', '-subj', '/', '-addext', `subjectAltName=URI:${spiffeId}`, ...newKey[key], ...files],
      {
        stdio: 'ignore',
      },
    )
    return readFileSync(out, 'utf8')
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** The same request with another signature than its key would have made. */
export function missigned(request: string): string {
  const der = Buffer.from(request.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  // The end of the signature's second number: the structure stays whole.
  der[der.length - 1] = (der.at(-1) as number) ^ 1
  const lines = der.toString('base64').match(/.{1,64}/g) as readonly string[]
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`
}
