/** Packs every package as it would be published, checks the tarballs, and uses them in a project of their own. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { snippetsOf } from '../house/snippets.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'zerohop-packages-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly devDependencies: Readonly<Record<string, string>>
}

function manifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(root, path), 'utf8'))
}

/** Runs a command to its end, showing what it prints. @throws Error where it fails or takes longer than two minutes */
function run(folder: string, command: string, args: readonly string[]): void {
  console.log(`$ ${command} ${args.join(' ')}`)
  const { status, signal, error } = spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'], timeout: 120_000 })
  if (status !== 0) throw new Error(`${command} ${args[0]} ended with ${error?.message ?? signal ?? `exit code ${status}`}`)
}

const packages = globSync('packages/*/package.json', { cwd: root }).map((path) => ({
  folder: join(root, path, '..'),
  manifest: manifest(path),
}))

const tarballs = new Map<string, string>()
for (const { folder, manifest } of packages) {
  run(folder, 'npx', ['--yes', 'pnpm@12', 'pack', '--pack-destination', scratch])
  const tarball = join(scratch, `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`)
  tarballs.set(manifest.name, tarball)
  run(scratch, 'tar', ['-xzf', tarball])
  const strays = globSync('package/**/*.test.*', { cwd: scratch })
  if (strays.length > 0) throw new Error(`${manifest.name} would publish its tests: ${strays.join(', ')}`)
  for (const wanted of ['LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts']) {
    if (globSync(`package/${wanted}`, { cwd: scratch }).length === 0) throw new Error(`${manifest.name} would publish no ${wanted}`)
  }
  rmSync(join(scratch, 'package'), { recursive: true })
  run(root, 'publint', ['run', tarball, '--strict'])
  run(root, 'attw', [tarball, '--profile', 'esm-only', '--no-definitely-typed'])
}

// A project as a user has it, in which nothing but the tarballs stands for the mesh.
const consumer = join(scratch, 'consumer')
mkdirSync(consumer)
const own = Object.fromEntries([...tarballs].map(([name, tarball]) => [name, `file:${tarball}`]))
const nodeTypes = manifest('package.json').devDependencies['@types/node'] as string
writeFileSync(
  join(consumer, 'package.json'),
  JSON.stringify({
    name: 'consumer',
    private: true,
    type: 'module',
    // Whoever asks Consul brings its client, and whoever speaks gRPC brings grpc-js: they are peers.
    dependencies: {
      ...own,
      consul: manifest('packages/mesh-discovery/package.json').devDependencies['consul'],
      '@grpc/grpc-js': manifest('packages/mesh-grpc/package.json').devDependencies['@grpc/grpc-js'],
    },
    devDependencies: { '@types/node': nodeTypes },
  }),
)
// The packages depend on each other by version, and these versions are published nowhere yet.
// protobufjs, which comes with grpc-js, has an install script that nobody needs, and pnpm wants to be told so.
writeFileSync(join(consumer, 'pnpm-workspace.yaml'), JSON.stringify({ packages: [], overrides: own, allowBuilds: { protobufjs: false } }))
writeFileSync(
  join(consumer, 'tsconfig.json'),
  JSON.stringify({
    // The declarations of the packages are checked too: a type that leads nowhere is an error for users with strict settings.
    compilerOptions: {
      strict: true,
      noEmit: true,
      module: 'nodenext',
      target: 'es2024',
      types: ['node'],
      skipLibCheck: false,
      erasableSyntaxOnly: true,
    },
    include: ['*.ts'],
  }),
)
run(consumer, 'npx', ['--yes', 'pnpm@12', 'install', '--prefer-offline'])

const programs = snippetsOf('README.md', readFileSync(join(root, 'README.md'), 'utf8'))
if (programs.length === 0) throw new Error('README.md holds no program that a newcomer could run')
programs.forEach(({ code }, at) => {
  writeFileSync(join(consumer, `readme-${at + 1}.ts`), code)
})
run(consumer, 'tsc', ['-p', '.'])
// A service has no browser's types: what the declarations name must come from those of Node.js.
run(consumer, 'tsc', ['-p', '.', '--lib', 'es2024,esnext.disposable'])
programs.forEach((_, at) => {
  run(consumer, 'node', [`readme-${at + 1}.ts`])
})

// CommonJS reaches every entry point by require().
const entries = packages.flatMap(({ manifest }) => Object.keys(manifest.exports).map((entry) => manifest.name + entry.slice(1)))
writeFileSync(join(consumer, 'required.cjs'), entries.map((entry) => `require(${JSON.stringify(entry)})\n`).join(''))
run(consumer, 'node', ['required.cjs'])
// The program starts on nothing but its defaults and a port that is free, says where it listens, and ends when it is told to.
run(consumer, 'node_modules/.bin/control-api', ['--version'])
const program = spawn(join(consumer, 'node_modules/.bin/control-api'), ['--port', '0'], {
  cwd: consumer,
  stdio: ['ignore', 'pipe', 'inherit'],
})
const deadline = setTimeout(() => program.kill('SIGKILL'), 30_000)
for await (const line of program.stdout) {
  console.log(String(line))
  const url = /listens on (\S+),/.exec(String(line))?.[1]
  if (url === undefined) continue
  const [answer] = (await once(get(`${url}/readyz`, { ca: readFileSync(join(consumer, 'zerohop-data/ca.pem')) }), 'response')) as [
    IncomingMessage,
  ]
  if (answer.resume().statusCode !== 200) throw new Error(`the control API is not ready: ${answer.statusCode}`)
  program.kill('SIGTERM')
}
clearTimeout(deadline)
if (program.exitCode === null && program.signalCode === null) await once(program, 'exit')
if (program.exitCode !== 0) throw new Error(`the control API ended with ${program.signalCode ?? `exit code ${program.exitCode}`}`)
console.log(`${tarballs.size} packages packed, checked and used: ${programs.length} programs, ${entries.length} entry points`)
