/** Loaded into every process of a run before its own code: the process ends with the one that started it, whatever ended that. */
import { removeRunDirectory } from './run-directory.ts'

function end(): void {
  try {
    // Whoever notices removes the run's directory; the last one removes it for good.
    removeRunDirectory(process.env.SHOP_RUN ?? '')
  } finally {
    process.exit(1)
  }
}

// A crash of the runner closes the channel; it may have done so before this line.
if (!process.connected) end()
process.once('disconnect', end)
// The channel alone must not keep a process alive that has nothing left to do.
process.channel?.unref()
