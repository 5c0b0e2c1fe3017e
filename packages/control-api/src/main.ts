#!/usr/bin/env node
/** The command `control-api`: the program, where Node.js is new enough to load it. */
const oldest = 24

if (Number(process.versions.node.split('.', 1)[0]) < oldest) {
  console.error(`control-api: it needs Node.js ${oldest} or later, and this is ${process.version}`)
  process.exitCode = 1
} else {
  const { runProgram } = await import('./program.ts')
  await runProgram()
}
