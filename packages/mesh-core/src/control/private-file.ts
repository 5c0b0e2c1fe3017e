/** Keeps one file that is nobody else's: in a directory of mode 0700, itself of mode 0600, replaced whole or not at all. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

// No flag where the system has none.
const noFollow = constants.O_NOFOLLOW ?? 0

/** What is in the file; null where there is none. @throws Error where it must not or cannot be read */
export function readPrivateFile(path: string, mostBytes: number): Buffer | null {
  let handle: number
  try {
    refuseForeignDirectory(dirname(path))
    handle = openSync(path, constants.O_RDONLY | noFollow)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    const stats = fstatSync(handle)
    if (!stats.isFile() || isOthers(stats.uid)) throw new Error(`${path} is no file of this user`)
    if (stats.size > mostBytes) throw new Error(`${path} is larger than ${mostBytes} bytes`)
    const bytes = Buffer.alloc(stats.size)
    let read = 0
    while (read < bytes.length) {
      const count = readSync(handle, bytes, read, bytes.length - read, read)
      if (count === 0) break
      read += count
    }
    return bytes.subarray(0, read)
  } finally {
    closeSync(handle)
  }
}

/** Replaces the file: after a crash at any moment there is the old content or the new. @throws Error where the directory is another's, or the disk is full */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const directory = dirname(path)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  refuseForeignDirectory(directory)
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`
  try {
    const handle = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | noFollow, 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  await syncDirectory(directory)
}

// In a directory for all, such as /tmp, anybody may have made one of that name before.
function refuseForeignDirectory(directory: string): void {
  const stats = lstatSync(directory)
  if (!stats.isDirectory()) throw new Error(`${directory} is no directory`)
  if (isOthers(stats.uid)) throw new Error(`${directory} belongs to another user`)
  if (process.platform !== 'win32' && (stats.mode & 0o022) !== 0) throw new Error(`${directory} can be written by others`)
}

function isOthers(uid: number): boolean {
  return process.getuid !== undefined && uid !== process.getuid()
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows opens no directories.
  if (process.platform === 'win32') return
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
