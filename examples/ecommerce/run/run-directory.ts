/** The directory of one run: all data lie there, and it goes with the run. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const prefix = 'zerohop-shop-'

/** A fresh directory under the system's temporary one. */
export class RunDirectory {
  readonly path = mkdtempSync(join(tmpdir(), prefix))
  /** What the services of the shop store. */
  readonly data = join(this.path, 'data')
  /** What the control API stores. */
  readonly control = join(this.path, 'control')
  /** What Consul stores, in a run that has one. */
  readonly consul = join(this.path, 'consul')
  /** Where the meshes keep their last good documents. */
  readonly lastGood = join(this.path, 'last-good')

  constructor() {
    mkdirSync(this.data)
  }

  /** The directory's own name: processes of the run carry it in their title. */
  get name(): string {
    return basename(this.path)
  }

  remove(): void {
    removeRunDirectory(this.path)
  }
}

/** Removes the directory of a run with all that is in it; nothing else is ever removed. */
export function removeRunDirectory(path: string): void {
  if (!basename(path).startsWith(prefix)) throw new Error(`${path} is not the directory of a run`)
  // Tried again, because another process of the run may be writing its last file there.
  rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
}
