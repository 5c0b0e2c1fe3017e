/** SIGTERM and SIGINT end all servers of the process in good order: one listener per signal, however many servers there are. */

/** What a signal ends. */
export interface Ending {
  close(): Promise<void>
}

const names = ['SIGTERM', 'SIGINT'] as const
const endings = new Set<Ending>()
let ending = false

/** From now on a signal closes `thing`; returns how to stop. The last one to stop takes the listeners off again. */
export function endOnSignal(thing: Ending): () => void {
  if (endings.size === 0) for (const name of names) process.on(name, onSignal)
  endings.add(thing)
  return () => {
    // While a signal is being followed, a second one must still find its listener.
    if (endings.delete(thing) && endings.size === 0 && !ending) stopListening()
  }
}

function stopListening(): void {
  for (const name of names) process.off(name, onSignal)
}

async function onSignal(name: NodeJS.Signals): Promise<void> {
  // The second signal is impatience.
  if (ending) process.exit(process.exitCode ?? 1)
  ending = true
  // A program that listens to the signal itself decides itself when the process ends.
  const isOurs = process.listenerCount(name) === 1
  await Promise.allSettled([...endings].map((thing) => thing.close()))
  ending = false
  stopListening()
  if (isOurs) process.exit()
}
