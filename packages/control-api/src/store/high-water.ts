/** How a store notices that it was replaced by an older copy of itself: a note beside it of how far it had come. */
import { closeSync, fstatSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileNames } from './sqlite-file.ts'

const form = /^zerohop ([0-9a-z]{1,32}) (\d{1,16}) (\d+)\n/

/** The note: the epoch, the highest revision ever acknowledged, and which file it was. */
export class HighWater {
  readonly #handle: number
  readonly #inode: number
  readonly #found: { readonly epoch: string; readonly revision: number; readonly inode: number } | null

  constructor(directory: string) {
    const path = join(directory, fileNames.highWater)
    this.#inode = statSync(join(directory, fileNames.database)).ino
    this.#handle = openSync(path, 'a+', 0o600)
    closeSync(this.#handle)
    const [, epoch, revision, inode] = form.exec(readFileSync(path, 'latin1')) ?? []
    this.#found = epoch === undefined ? null : { epoch, revision: Number(revision), inode: Number(inode) }
    this.#handle = openSync(path, 'r+')
  }

  /** True where the store is the one that the note was written beside, and has lost nothing since. */
  confirms(epoch: string, revision: number): boolean {
    const found = this.#found
    return found !== null && found.epoch === epoch && found.revision <= revision && found.inode === this.#inode
  }

  /**
   * Not synced to the disk: after a loss of power the note may be behind the store, never ahead of it.
   * After the death of the process alone it is as it was written.
   */
  raise(epoch: string, revision: number): void {
    const line = `zerohop ${epoch} ${revision} ${this.#inode}\n`
    writeSync(this.#handle, line.padEnd(Math.max(line.length, fstatSync(this.#handle).size), '\n'), 0, 'latin1')
  }

  close(): void {
    closeSync(this.#handle)
  }
}
