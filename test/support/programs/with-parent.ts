/** What every program here begins with: its settings, a way to tell, and an end with the process that started it. */

process.once('disconnect', () => process.exit(1))
// The channel alone must not keep a program alive.
process.channel?.unref()

/** What the program was started with. */
export function settingsOf<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T
}

/** Tells the parent something; resolves when it is on its way. */
export function tell(about: string, what: object = {}): Promise<void> {
  return new Promise((resolve) => process.send?.({ about, ...what }, () => resolve()))
}

/** Answers each time the parent asks about that; what the answer takes keeps no program alive. */
export function answers<T extends object>(about: string, answer: (asked: T) => object | Promise<object>): void {
  process.on('message', async (asked: { about: string } & T) => {
    if (asked.about === about) await tell(about, await answer(asked))
  })
  // A listener takes the channel back into account.
  process.channel?.unref()
}
