/** The thread that signs: one job at a time, each answered before the next is sent. */
import { parentPort, workerData } from 'node:worker_threads'
import { SealBroken } from './key-seal.ts'
import { RequestRefused } from './request-refused.ts'
import { SigningDesk } from './signing-desk.ts'
import type { DeskSettings, JobAnswer, SigningJob } from './signing-job.ts'

const desk = new SigningDesk(workerData as DeskSettings)

parentPort?.on('message', (job: SigningJob) => {
  desk.do(job).then(
    (value) => answer({ ok: true, value }),
    (error: unknown) => answer(refusalOf(error)),
  )
})

function answer(message: JobAnswer): void {
  parentPort?.postMessage(message)
}

function refusalOf(error: unknown): JobAnswer {
  if (error instanceof RequestRefused) return { ok: false, code: error.code, sentence: error.message }
  if (error instanceof SealBroken) return { ok: false, code: 'sealed', sentence: error.message }
  return { ok: false, code: 'failed', sentence: `The authority could not sign: ${(error as Error).message}.` }
}
