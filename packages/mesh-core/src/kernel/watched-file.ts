/** Follows one text file through everything that editors, deployments and mounted volumes do to it. */
import { type BigIntStats, closeSync, constants, type FSWatcher, fstatSync, openSync, readSync, stat, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

const mostBytes = 4 * 1_048_576
// An editor that writes anew raises a handful of events within a few milliseconds.
const settleMs = 20
// Events get lost: on network volumes, for a link's target in another directory, when the kernel's queue is full.
const pollMs = 1000
// File systems keep time in steps of up to 2 s: a file may change again within a step without a new time.
const timeStepMs = 2000

/** What identifies a state of the file without reading it. */
interface Seen {
  readonly mark: string
  /** True where another write could leave the same mark. */
  readonly isFresh: boolean
}

const absent: Seen = { mark: 'absent', isFresh: false }

/** A text file that is read now and again when it changes. Never throws, and never keeps the process alive. */
export class WatchedFile {
  readonly #path: string
  readonly #onChange: (text: string | Error) => void
  readonly #poll: NodeJS.Timeout
  #watcher: FSWatcher | null = null
  /** The directory that `#watcher` sits on, which may have been replaced by another one of that name. */
  #watched = ''
  #settling: NodeJS.Timeout | null = null
  #seen: Seen | null = null
  #last: string | null = null
  #isLooking = false
  #lookAgain = false
  #isClosed = false

  /** @param onChange gets the new text, or why there is none, whenever that differs from what was read before */
  constructor(path: string, onChange: (text: string | Error) => void) {
    this.#path = path
    this.#onChange = onChange
    this.#poll = setInterval(() => this.#tick(), pollMs)
    this.#poll.unref()
    this.#tick()
  }

  /** Reads the file at once, as the state from which changes count: its text, or why it cannot be had. */
  readNow(): string | Error {
    const text = this.#read()
    this.#last = keyOf(text)
    return text
  }

  /** Stops following; nothing is reported any more. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#poll)
    if (this.#settling !== null) clearTimeout(this.#settling)
    this.#settling = null
    this.#unwatch()
  }

  #tick(): void {
    stat(dirname(this.#path), { bigint: true }, (error, stats) => {
      if (this.#isClosed) return
      const directory = error === null ? `${stats.dev}:${stats.ino}` : ''
      if (directory !== this.#watched || this.#watcher === null) this.#watch(directory)
      this.#look()
    })
  }

  #watch(directory: string): void {
    this.#unwatch()
    if (directory === '') return
    try {
      // The directory, not the file: a watch on a file stays with the old one when a new one is renamed over it.
      const watcher = watch(dirname(this.#path), { persistent: false }, () => this.#stir())
      watcher.on('error', () => this.#unwatch())
      this.#watcher = watcher
      this.#watched = directory
    } catch {
      // No watches left, or a file system without them: the poll remains.
    }
  }

  #unwatch(): void {
    this.#watcher?.close()
    this.#watcher = null
    this.#watched = ''
  }

  #stir(): void {
    // Not put off by further events: a directory in which something changes all the time would never settle.
    this.#settling ??= setTimeout(() => {
      this.#settling = null
      this.#look()
    }, settleMs).unref()
  }

  // Asynchronous, for the poll must not hold up the process when a network volume hangs.
  #look(): void {
    if (this.#isLooking) {
      this.#lookAgain = true
      return
    }
    this.#isLooking = true
    stat(this.#path, { bigint: true }, (error, stats) => {
      this.#isLooking = false
      if (this.#isClosed) return
      const now = error === null ? seenOf(stats) : absent
      if (this.#seen === null || this.#seen.isFresh || now.mark !== this.#seen.mark) this.#report(this.#read())
      if (this.#lookAgain) {
        this.#lookAgain = false
        this.#look()
      }
    })
  }

  #report(text: string | Error): void {
    const key = keyOf(text)
    if (key === this.#last) return
    this.#last = key
    this.#onChange(text)
  }

  #read(): string | Error {
    let file: number | null = null
    try {
      // Without O_NONBLOCK the opening of a pipe would wait for its writer.
      file = openSync(this.#path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
      const stats = fstatSync(file, { bigint: true })
      this.#seen = seenOf(stats)
      if (!stats.isFile()) return new Error(`${basename(this.#path)} is no regular file`)
      return decode(readBounded(file))
    } catch (error) {
      if (file === null) this.#seen = absent
      return error instanceof Error ? error : new Error(String(error))
    } finally {
      if (file !== null) closeSync(file)
    }
  }
}

function seenOf(stats: BigIntStats): Seen {
  const changedMs = Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs))
  return {
    mark: `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
    isFresh: Math.abs(Date.now() - changedMs) < timeStepMs,
  }
}

/** @throws Error where the file is longer than what is read */
function readBounded(file: number): Buffer {
  const chunks: Buffer[] = []
  let bytes = 0
  for (;;) {
    const chunk = Buffer.allocUnsafe(65_536)
    const count = readSync(file, chunk)
    if (count === 0) return Buffer.concat(chunks)
    bytes += count
    if (bytes > mostBytes) throw new Error(`it is longer than ${mostBytes} bytes`)
    chunks.push(chunk.subarray(0, count))
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Error('it is not UTF-8 text')
  }
}

function keyOf(text: string | Error): string {
  return text instanceof Error ? `error ${text.message}` : `text ${text}`
}
