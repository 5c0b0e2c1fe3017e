import { expect, test } from 'vitest'
import { readPolicies } from './read.ts'

function problemsOf(text: string): string {
  const reading = readPolicies(text, 'mesh.yaml')
  return reading.ok ? '' : reading.problems.join('\n')
}

test.each<[what: string, text: string, problem: string]>([
  [
    'weights that sum to 0',
    'versions: { v1: { labels: { v: a } } }\nto: [{ version: v1, weight: 0 }]',
    'mesh.yaml:2:5: defaults.to: the weights sum to 0',
  ],
  [
    'a version that is not among the versions',
    'versions: { v1: { labels: { v: a } } }\nto: [{ version: v2 }]',
    'mesh.yaml:2:17: defaults.to[0].version: version `v2` is not among `versions` (v1)',
  ],
  [
    'a version named twice',
    'versions: { v1: { labels: { v: a } } }\nto: [{ version: v1 }, { version: v1 }]',
    'mesh.yaml:2:34: defaults.to[1].version: version `v1` is named twice',
  ],
  [
    'a version without labels',
    'versions: { v1: { labels: {} } }',
    'mesh.yaml:1:27: defaults.versions.v1.labels: expected at least one label',
  ],
  ['no target', 'to: []', 'mesh.yaml:1:5: defaults.to: expected at least one version'],
  [
    'an attempt timeout as long as the timeout',
    'timeout: 5s\nattemptTimeout: 5s',
    'mesh.yaml:2:17: defaults.attemptTimeout: 5s could never act, for the whole call ends after 5s',
  ],
  ['an attempt timeout above the built-in timeout', 'attemptTimeout: 15s', 'could never act'],
  [
    'an attempt timeout above the timeout of the defaults',
    'timeout: 1s\n---\nservice: a\nattemptTimeout: 2s',
    'mesh.yaml:4:17: a.attemptTimeout: 2s could never act',
  ],
  [
    'a cap below the base',
    'retry: { backoff: { base: 100ms, cap: 50ms } }',
    'mesh.yaml:1:39: defaults.retry.backoff.cap: the cap of 50ms is below the base of 100ms',
  ],
  [
    'a base above the built-in cap',
    'retry: { backoff: { base: 1s } }',
    'mesh.yaml:1:27: defaults.retry.backoff.base: the cap of 250ms is below the base of 1s',
  ],
  ['a stream with a timeout', 'stream: {}\ntimeout: 5s', 'mesh.yaml:1:9: defaults.stream: `stream` and `timeout` exclude each other'],
  ['a stream whose silence outlasts it', 'stream: { idle: 5s, total: 5s }', 'mesh.yaml:1:17: defaults.stream.idle: 5s could never act'],
  ['a breaker without a criterion', 'breaker: { consecutiveFailures: 0 }', 'defaults.breaker: no criterion is left on'],
  ['a place for all services at once', 'external: true', 'defaults.external: where a service lives is said in its own document'],
  ['an outlier section without a criterion', 'outlier: { consecutiveFailures: 0 }', 'to turn it off write `outlier: false`'],
])('%s is refused', (_, text, problem) => {
  expect(problemsOf(text)).toContain(problem)
})

test.each<[what: string, text: string]>([
  ['a service whose timeout is shorter than the inherited attempt timeout', 'attemptTimeout: 1s\n---\nservice: a\ntimeout: 500ms'],
  [
    'a breaker that has its criterion from the defaults',
    'breaker: { successRate: { below: 0.5 } }\n---\nservice: a\nbreaker: { consecutiveFailures: 0 }',
  ],
  ['a target whose version the defaults name', 'versions: { v1: { labels: { v: a } } }\n---\nservice: a\nto: [{ version: v1 }]'],
  ['a service that lives elsewhere', 'timeout: 5s\n---\nservice: a\nexternal: true'],
  ['an attempt timeout for streams', 'stream: {}\nattemptTimeout: 20s'],
  [
    'anchors and aliases within reason',
    'service: a\nretry: &r { attempts: 2 }\n---\nservice: b\nretry: &x { attempts: 2 }\nlimit: { outbound: &l { inFlight: 3 }, inbound: *l }',
  ],
])('%s is no contradiction', (_, text) => {
  expect(problemsOf(text)).toBe('')
})

test('what a document inherits is told once, where it was written', () => {
  expect(problemsOf('breaker: { consecutiveFailures: 0 }\n---\nservice: a\n---\nservice: b\ntimeout: 1s\n')).toMatch(
    /^mesh\.yaml:1:10: [^\n]*$/,
  )
})
