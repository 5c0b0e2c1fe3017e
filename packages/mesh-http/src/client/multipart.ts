/** Form data as the bytes of a multipart/form-data body. */
import { randomBytes } from 'node:crypto'

/** A body that can be read any number of times, with the type that names its boundary. */
export interface Multipart {
  readonly body: Blob
  readonly contentType: string
}

/** Encodes a form. Files are not read here: the Blob refers to them. */
export function encodeForm(form: FormData): Multipart {
  const boundary = `----zerohop-${randomBytes(12).toString('hex')}`
  const parts: (string | Blob)[] = []
  for (const [name, entry] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(crlf(name))}"`
    if (typeof entry === 'string') parts.push(`${head}\r\n\r\n${crlf(entry)}\r\n`)
    else {
      const type = entry.type === '' ? 'application/octet-stream' : entry.type
      parts.push(`${head}; filename="${quoted(entry.name)}"\r\nContent-Type: ${type}\r\n\r\n`, entry, '\r\n')
    }
  }
  parts.push(`--${boundary}--\r\n`)
  return { body: new Blob(parts), contentType: `multipart/form-data; boundary=${boundary}` }
}

function crlf(text: string): string {
  return text.replace(/\r?\n|\r/g, '\r\n')
}

// The escapes of the HTML standard: a name can neither end its quotes nor begin a line.
function quoted(text: string): string {
  return text.replace(/\n/g, '%0A').replace(/\r/g, '%0D').replace(/"/g, '%22')
}
