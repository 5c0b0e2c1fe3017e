import { expect, test } from 'vitest'
import { readPolicies } from './read.ts'

function problemsOf(text: string): string {
  const reading = readPolicies(text, 'mesh.yaml')
  return reading.ok ? '' : reading.problems.join('\n')
}

test.each<[what: string, text: string, problem: string]>([
  [
    'an empty list of who may call',
    'service: a\naccess: { allow: [] }',
    'mesh.yaml:2:18: a.access.allow: an empty list lets nobody in, or everybody: write `default: deny` or `default: allow`',
  ],
  [
    'rules that let in where everybody is let in',
    'service: a\naccess: { allow: [{ from: [b] }], default: allow }',
    'a.access.allow: could never act',
  ],
  [
    'rules that let in where the defaults let everybody in',
    'access: { default: allow }\n---\nservice: a\naccess: { allow: [{ from: [b] }] }',
    'mesh.yaml:4:18: a.access.allow: could never act, for `default: allow`',
  ],
  [
    'a caller where nobody proves an identity',
    'service: a\naccess: { mtls: disabled, deny: [{ paths: [/x] }, { from: [b] }] }',
    'a.access.deny[1].from: could never match, for with `mtls: disabled` nobody proves who they are',
  ],
  [
    'the same by the defaults',
    'access: { mtls: disabled }\n---\nservice: a\naccess: { allow: [{ from: ["*"] }] }',
    'a.access.allow[0].from: could never match',
  ],
  [
    'identities turned off under rules of the defaults that need them',
    'access: { deny: [{ from: [b] }] }\n---\nservice: a\naccess: { mtls: disabled }',
    'a.access.mtls: with `disabled` nobody proves who they are, and access.deny[0] of the defaults asks for it',
  ],
  ['a caller named twice', 'service: a\naccess: { allow: [{ from: [b, c, b] }] }', 'a.access.allow[0].from[2]: `b` is named twice'],
  ['a path named twice', 'service: a\naccess: { deny: [{ paths: [/b, /b] }] }', 'a.access.deny[0].paths[1]: `/b` is named twice'],
  ['a name beside everybody', 'service: a\naccess: { allow: [{ from: [b, "*"] }] }', 'a.access.allow[0].from[1]: `*` is everybody'],
  [
    'a trial of nothing',
    'service: a\naccess: { mtls: strict, dryRun: true }',
    'a.access.dryRun: there is nothing to try: no `deny`, no `allow`, and no `default: deny`',
  ],
])('%s is refused', (_, text, problem) => {
  expect(problemsOf(text)).toContain(problem)
})

test.each<[deny: string, allow: string]>([
  ['{ from: [b, c] }', '{ from: [b] }'],
  ['{ from: ["*"] }', '{ from: ["spiffe://x/b"], methods: [GET] }'],
  ['{ paths: [/Admin*] }', '{ paths: [/admin/users, /admin/x*], from: [b] }'],
  ['{ paths: [/Admin, /debug/*] }', '{ paths: [/admin/, /debug, /debug/x*, /debug/*] }'],
  ['{ paths: [/admin/] }', '{ paths: [/admin] }'],
  ['{ methods: [GET, POST] }', '{ methods: [POST], paths: [/a] }'],
  ['{ methods: [GET] }', '{ methods: [HEAD, GET] }'],
  ['{ headers: { x-a: { exact: b } } }', '{ headers: { x-a: { exact: b }, x-c: { present: true } } }'],
])('what %s refuses, %s cannot let in', (deny, allow) => {
  expect(problemsOf(`service: a\naccess: { deny: [{ from: [zzz], paths: [/zzz] }, ${deny}], allow: [${allow}] }`)).toContain(
    'a.access.allow[0]: could never act, for access.deny[1] refuses all of it',
  )
})

test.each<[what: string, text: string]>([
  ['other callers', 'deny: [{ from: [b] }], allow: [{ from: [b, c] }]'],
  ['callers without an identity', 'deny: [{ from: ["*"] }], allow: [{ paths: [/a] }]'],
  ['other paths', 'deny: [{ paths: [/a/b*] }], allow: [{ paths: [/a/*] }]'],
  ['paths that begin alike', 'deny: [{ paths: [/a/*, /b] }], allow: [{ paths: ["/a*"] }, { paths: ["/b*"] }, { paths: ["/b/*"] }]'],
  ['another method', 'deny: [{ methods: [HEAD] }], allow: [{ methods: [GET] }]'],
  ['any method', 'deny: [{ methods: [GET] }], allow: [{ paths: [/a] }]'],
  ['other headers', 'deny: [{ headers: { x: { exact: a } } }], allow: [{ headers: { x: { prefix: a } } }]'],
])('a rule that lets in %s than one refuses is no contradiction', (_, access) => {
  expect(problemsOf(`service: a\naccess: { ${access} }`)).toBe('')
})

test.each<[what: string, text: string]>([
  ['nobody let in, in so many words', 'service: a\naccess: { allow: [], default: deny }'],
  [
    'the list of the defaults opened for one service',
    'access: { allow: [{ from: [b] }] }\n---\nservice: a\naccess: { allow: [], default: allow }',
  ],
  ['a default over a list of the defaults', 'access: { allow: [{ from: [b] }] }\n---\nservice: a\naccess: { default: allow }'],
  [
    'a refusal that shadows what the defaults let in',
    'access: { allow: [{ from: [b] }] }\n---\nservice: a\naccess: { deny: [{ from: [b] }] }',
  ],
  ['rules by path without identities', 'service: a\naccess: { mtls: disabled, deny: [{ paths: [/admin*] }] }'],
  ['a trial in the defaults for rules of services', 'access: { dryRun: true }'],
  ['a trial of rules that the defaults have', 'access: { default: deny }\n---\nservice: a\naccess: { dryRun: true }'],
])('%s is no contradiction', (_, text) => {
  expect(problemsOf(text)).toBe('')
})
