/** The roots in a file, for tools that are told of them that way (`curl --cacert`), and for whoever brings them to other machines. */
import { randomUUID } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Authority } from './authority/authority.ts'

/** Writes the roots to `path`, and again whenever they change. Returns how to stop. @throws Error where it cannot be written at first */
export function keepRootsFile(path: string, authority: Authority, onFault: (sentence: string) => void): () => void {
  let written = ''
  const write = (): void => {
    const text = authority.trust.roots.join('')
    if (text === written) return
    const draft = `${path}.${randomUUID()}`
    try {
      writeFileSync(draft, text, { mode: 0o644 })
      renameSync(draft, path)
      written = text
    } catch (error) {
      rmSync(draft, { force: true })
      throw new Error(`The roots cannot be written to ${path}: ${(error as Error).message}.`, { cause: error })
    }
  }
  write()
  return authority.subscribe(() => {
    try {
      write()
    } catch (error) {
      onFault((error as Error).message)
    }
  })
}
