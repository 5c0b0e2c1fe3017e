import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WatchedFile } from './watched-file.ts'

let directory = ''
let path = ''
let file: WatchedFile | null = null
/** What was reported and not yet asked for. */
const reports: (string | Error)[] = []
let wake: (() => void) | null = null

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-watched-'))
  path = join(directory, 'mesh.yaml')
  reports.length = 0
})

afterEach(() => {
  file?.close()
  rmSync(directory, { recursive: true, force: true })
})

function follow(): string | Error {
  file = new WatchedFile(path, (text) => {
    reports.push(text)
    wake?.()
  })
  return file.readNow()
}

/** Waits for the report that `fits`; those before it are let pass. */
async function report(fits: (text: string | Error) => boolean): Promise<void> {
  for (;;) {
    while (reports.length > 0) if (fits(reports.shift() as string | Error)) return
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
}

const says = (expected: string) => (text: string | Error) => text === expected

test('the first read is synchronous, and is no change', async () => {
  writeFileSync(path, 'one')
  expect(follow()).toBe('one')
  writeFileSync(path, 'two')
  await report((text) => {
    expect(text).toBe('two')
    return true
  })
})

test('looking at a file that did not change reports nothing', async () => {
  writeFileSync(path, 'one')
  follow()
  // Two that were never read report their first look, and that comes after the first look of the one that was.
  for (let witness = 0; witness < 2; witness++) {
    await new Promise<void>((resolve) => {
      const other = new WatchedFile(path, () => {
        other.close()
        resolve()
      })
    })
  }
  expect(reports).toEqual([])
})

test('a file that is written in place is read again', async () => {
  writeFileSync(path, 'one')
  follow()
  writeFileSync(path, 'two')
  await report(says('two'))
  appendFileSync(path, ' and a half')
  await report(says('two and a half'))
})

test('a new file that is renamed over the old one is followed, again and again', async () => {
  writeFileSync(path, '0')
  follow()
  for (const text of ['1', '2', '3']) {
    writeFileSync(join(directory, 'new'), text)
    renameSync(join(directory, 'new'), path)
    await report(says(text))
  }
})

test('a mounted volume that swaps the link to its data is followed', async () => {
  const write = (version: string): void => {
    mkdirSync(join(directory, version))
    writeFileSync(join(directory, version, 'mesh.yaml'), version)
    symlinkSync(version, join(directory, '..data_tmp'))
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
  }
  write('..v1')
  symlinkSync('..data/mesh.yaml', path)
  expect(follow()).toBe('..v1')
  write('..v2')
  await report(says('..v2'))
  write('..v3')
  await report(says('..v3'))
})

test('a link to a file elsewhere is followed by the poll, where no event comes', async () => {
  const elsewhere = join(directory, 'elsewhere')
  mkdirSync(elsewhere)
  writeFileSync(join(elsewhere, 'real.yaml'), 'one')
  symlinkSync(join(elsewhere, 'real.yaml'), path)
  expect(follow()).toBe('one')
  writeFileSync(join(elsewhere, 'real.yaml'), 'two')
  await report(says('two'))
})

test('a deleted file is reported once, and its return is seen', async () => {
  writeFileSync(path, 'one')
  follow()
  unlinkSync(path)
  await report((text) => text instanceof Error && text.message.includes('ENOENT'))
  writeFileSync(path, 'one')
  await report(says('one'))
  expect(reports).toEqual([])
})

test('a directory that goes and comes back, with the file or before it, is followed', async () => {
  const inner = join(directory, 'inner')
  path = join(inner, 'mesh.yaml')
  expect(follow()).toBeInstanceOf(Error)
  mkdirSync(inner)
  writeFileSync(path, 'one')
  await report(says('one'))
  rmSync(inner, { recursive: true })
  await report((text) => text instanceof Error)
  mkdirSync(inner)
  writeFileSync(path, 'two')
  await report(says('two'))
})

test('what cannot be a text is an error that says why', () => {
  writeFileSync(path, Buffer.from([0x61, 0xff]))
  expect(String(follow())).toContain('not UTF-8')
  writeFileSync(path, Buffer.alloc(4 * 1_048_576 + 1, 'x'))
  expect(String(file?.readNow())).toContain('longer than 4194304 bytes')
  rmSync(path)
  mkdirSync(path)
  expect(file?.readNow()).toBeInstanceOf(Error)
})

test.skipIf(process.platform === 'win32')('a pipe without a writer does not hold up the process', () => {
  execFileSync('mkfifo', [path])
  expect(String(follow())).toContain('no regular file')
})

test('nothing is reported after the end', async () => {
  writeFileSync(path, 'one')
  follow()
  writeFileSync(path, 'two')
  file?.close()
  const other = join(directory, 'other.yaml')
  writeFileSync(other, 'a')
  path = other
  follow()
  writeFileSync(other, 'b')
  await report((text) => {
    expect(text).toBe('b')
    return true
  })
})

test('following keeps no process alive', () => {
  writeFileSync(path, 'one')
  const source = `import { WatchedFile } from ${JSON.stringify(new URL('./watched-file.ts', import.meta.url).href)}
    process.stdout.write(new WatchedFile(${JSON.stringify(path)}, () => {}).readNow())`
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8', timeout: 4000 })).toBe('one')
})
