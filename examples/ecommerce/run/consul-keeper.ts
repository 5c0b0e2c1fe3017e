/** Keeps Consul for as long as its run lasts: Consul itself knows nothing of the run, and would outlive it. */
import { spawn } from 'node:child_process'

const [command = '', ...args] = process.argv.slice(2)
// All that it says goes where the runner looks for complaints.
const consul = spawn(command, args, { stdio: ['ignore', 2, 2] })

function end(): void {
  consul.kill('SIGKILL')
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, end)
// Before the run's directory is removed, into which Consul would write again.
process.prependListener('disconnect', end)
process.on('exit', end)
consul.once('exit', (code) => process.exit(code ?? 1))
consul.once('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
