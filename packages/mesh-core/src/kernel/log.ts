/** Where the mesh says what a person should know. */

/** Takes one line each; a logger of pino's or console's shape fits. */
export interface Log {
  info(line: string): void
  warn(line: string): void
  error(line: string): void
}

/** Warnings and errors on stderr, nothing else. */
export const stderrLog: Log = {
  info: () => {},
  warn: (line) => console.warn(`zerohop: ${line}`),
  error: (line) => console.error(`zerohop: ${line}`),
}

/** The same log, but one whose own failure harms nobody: lines are written while calls are being settled. */
export function harmless(log: Log): Log {
  const attempt = (level: keyof Log, line: string): void => {
    try {
      log[level](line)
    } catch {
      // There is nowhere left to say so.
    }
  }
  return {
    info: (line) => attempt('info', line),
    warn: (line) => attempt('warn', line),
    error: (line) => attempt('error', line),
  }
}
