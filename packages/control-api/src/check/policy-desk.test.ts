import { describe, expect, test } from 'vitest'
import { memoryStores } from '../store/memory-stores.ts'
import type { KnownClient, MeshView } from './mesh-view.ts'
import { PolicyDesk, PolicyRefused } from './policy-desk.ts'
import { type ProposedDocument, readProposal } from './proposal.ts'

const clock = { now: () => 0, setTimer: () => ({ cancel: () => {} }) }
const note = { by: 'admin', action: 'put', forced: false }

interface Mesh {
  /** Labels of the instances of each service. */
  readonly instances?: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>
  readonly clients?: Readonly<Record<string, readonly KnownClient[]>>
  /** What is stored, as a text. */
  readonly stored?: string
}

function desk({ instances = {}, clients = {}, stored = '' }: Mesh = {}) {
  const { policies } = memoryStores(clock)
  if (stored !== '') policies.write(documents(stored), note)
  const meshView: MeshView = {
    leasedServices: () => Object.keys(instances),
    instancesOf: (service) =>
      (instances[service] ?? []).map((labels, at) => ({
        instance: `${service}-${at}`,
        healthy: true,
        endpoint: { address: `10.0.0.${at}:80`, labels, zone: '', weight: 1 },
      })),
    clientsOf: (service) => clients[service] ?? [],
  }
  return { policies, desk: new PolicyDesk(policies, meshView) }
}

function documents(text: string): readonly ProposedDocument[] {
  const reading = readProposal(text, 1_048_576)
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  return reading.documents
}

async function refusal(mesh: Mesh, text: string): Promise<PolicyRefused> {
  const error = await desk(mesh)
    .desk.weigh(documents(text), false)
    .then(
      () => null,
      (reason: unknown) => reason,
    )
  if (!(error instanceof PolicyRefused)) throw new Error(`not refused, but ${error}`)
  return error
}

const canary = 'service: payment\nversions: { v1: { labels: { version: v1 } }, v2: { labels: { version: v2 } } }\n'
const v1 = { version: 'v1', commit: 'a' }

test('a policy of a service that runs, with versions that run, is accepted', async () => {
  const { desk: own } = desk({ instances: { payment: [v1, { version: 'v2' }] } })
  const { changes, forced, warnings } = await own.weigh(documents(`${canary}to: [{ version: v1, weight: 9 }, { version: v2 }]`), false)
  expect([changes.map(({ service }) => service), forced, warnings]).toEqual([['payment'], false, []])
})

test('a version that gets calls and has no instance is refused: which one, why, and what there is', async () => {
  const { code, problems } = await refusal(
    { instances: { payment: [v1, v1] } },
    `${canary}to: [{ version: v1, weight: 9 }, { version: v2 }]`,
  )
  expect(code).toBe('unknown_reference')
  expect(problems).toEqual([
    {
      path: 'payment.to[1].version',
      message:
        'no instance of `payment` carries the labels of version `v2` (version=v2), so that its share of the calls would fail; there are 2 with version=v1, commit=a (line 3, column 45)',
    },
  ])
})

test('a version with weight 0 may be missing, and is said to be', async () => {
  const { desk: own } = desk({ instances: { payment: [v1] } })
  const { warnings } = await own.weigh(documents(`${canary}to: [{ version: v1 }, { version: v2, weight: 0 }]`), false)
  expect(warnings).toEqual(['payment.versions.v2: no instance carries its labels (version=v2); it gets no calls yet'])
})

test('a service without instances is refused unless it lives elsewhere, or the writer insists', async () => {
  const { code, problems } = await refusal({}, 'service: payment\ntimeout: 1s')
  expect([code, problems[0]?.path]).toEqual(['unknown_reference', 'payment.service'])
  const { desk: own } = desk()
  expect(await own.weigh(documents(`${canary}external: true\nto: [{ version: v2 }]`), false)).toMatchObject({ forced: false, warnings: [] })
  const { forced, warnings } = await own.weigh(documents('service: payment\ntimeout: 1s'), true)
  expect([forced, warnings]).toEqual([
    true,
    [expect.stringMatching(/^overridden: payment\.service: no instance of `payment` holds a lease/)],
  ])
})

test('insisting does not help against a policy that clients would refuse', async () => {
  const { desk: own } = desk()
  await expect(own.weigh(documents('service: payment\ntimout: 1s'), true)).rejects.toMatchObject({
    code: 'bad_policy',
    problems: [{ path: 'payment.timout', message: 'unknown key `timout`: did you mean `timeout`? (line 2, column 1)' }],
  })
})

test('a document is judged with the defaults that are stored, and defaults with every document that is', async () => {
  const instances = { payment: [v1] }
  const short = await refusal({ instances, stored: 'timeout: 1s' }, 'service: payment\nattemptTimeout: 2s')
  expect(short.problems[0]?.path).toBe('payment.attemptTimeout')
  const below = await refusal({ instances, stored: 'service: payment\nattemptTimeout: 2s' }, 'timeout: 1s')
  expect([below.code, below.problems[0]?.path]).toEqual(['bad_policy', 'payment.attemptTimeout'])
})

test('defaults that hold versions of others cannot be taken away', async () => {
  const stored = 'versions: { v1: { labels: { version: v1 } } }\n---\nservice: payment\nto: [{ version: v1 }]'
  const { desk: own } = desk({ instances: { payment: [v1] }, stored })
  await expect(own.weigh([{ service: 'defaults', document: null }], true)).rejects.toMatchObject({
    code: 'bad_policy',
    problems: [{ path: 'payment.to[0].version' }],
  })
})

test('defaults that would leave a running service without a target are refused in its name', async () => {
  const stored = 'versions: { v1: { labels: { version: v1 } } }\nto: [{ version: v1 }]'
  const { code, problems } = await refusal(
    { instances: { payment: [v1], cart: [{ version: 'v2' }] }, stored },
    'versions: { v1: { labels: { version: v3 } } }\nto: [{ version: v1 }]',
  )
  // What did not work before is not the fault of this change, unless it fails in another way now.
  expect([code, problems.map(({ path }) => path)]).toEqual(['unknown_reference', ['payment.to[0].version', 'cart.to[0].version']])
})

test('a stale revision is told before anything is judged', async () => {
  const { desk: own } = desk({ stored: 'timeout: 1s' })
  const [proposed] = documents('timout: 2s')
  await expect(own.weigh([{ ...(proposed as ProposedDocument), expected: 0 }], false)).rejects.toMatchObject({
    name: 'StaleRevision',
    found: 1,
  })
})

test('what is stored already is no change', async () => {
  const { desk: own } = desk({ stored: 'timeout: 1s\nretry: { attempts: 2 }' })
  expect((await own.weigh(documents('retry: { attempts: 2 }\ntimeout: 1s'), false)).changes).toEqual([])
})

test('an outlook says field by field what changes, and for whom', () => {
  const clients = [
    { service: 'cart', instance: 'c1' },
    { service: 'cart', instance: 'c2' },
    { service: 'payment', instance: 'p1' },
  ]
  const { desk: own } = desk({ clients: { payment: clients }, stored: 'service: payment\ntimeout: 5s\nretry: { attempts: 3, on: [late] }' })
  const [payment, quiet] = own.outlook(
    documents('service: payment\ntimeout: 2s\nretry: { attempts: 3 }\nbreaker: {}\n---\nservice: cart\ntimeout: 1s'),
  )
  expect(payment).toEqual({
    service: 'payment',
    action: 'replace',
    differences: ['timeout: 5s becomes 2s', 'retry.on[0]: late goes away', 'breaker: {} is new'],
    instances: clients,
    words: 'payment: timeout: 5s becomes 2s; retry.on[0]: late goes away; breaker: {} is new; felt by 3 instances: 2 of cart, 1 of payment',
  })
  expect(quiet).toMatchObject({ action: 'create', words: 'cart: timeout: 1s is new; no instance uses it now' })
})

test('defaults are judged with thousands of policies without holding up the process', async () => {
  const { policies, desk: own } = desk()
  policies.write(
    Array.from({ length: 5000 }, (_, at) => ({ service: `s${at}`, document: { service: `s${at}`, timeout: '5s', external: true } })),
    note,
  )
  let turns = 0
  let isDone = false
  const count = () => {
    turns += 1
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  await own.weigh(documents('timeout: 3s'), false)
  isDone = true
  expect(turns).toBeGreaterThanOrEqual(24)
})

describe('callers that access rules name', () => {
  const instances = { payment: [v1], cart: [v1] }
  const rules = (from: string): string => `service: payment\naccess: { deny: [{ paths: [/x] }, { from: [${from}] }], default: deny }`

  test('may hold leases, have policies, be about to have them, poll, or be no services of this mesh', async () => {
    const clients = { defaults: [{ service: 'nightly', instance: 'n1' }] }
    const { desk: own } = desk({ instances, clients, stored: 'service: catalog\nexternal: true' })
    const text = `${rules('cart, catalog, nightly, user, "spiffe://partner/x"')}\n---\nservice: user\nexternal: true`
    expect((await own.weigh(documents(text), false)).warnings).toEqual([])
  })

  test('and that nobody has heard of are refused with their place and the name that was meant, unless the writer insists', async () => {
    const { code, problems } = await refusal({ instances }, rules('cart, crat'))
    expect([code, problems]).toEqual([
      'unknown_reference',
      [
        {
          path: 'payment.access.deny[1].from[1]',
          message:
            'no service `crat` is known: none of its instances holds a lease or polls, and it has no policy: did you mean `cart`? (line 2, column 50)',
        },
      ],
    ])
    const { desk: own } = desk({ instances })
    expect((await own.weigh(documents(rules('crat')), true)).forced).toBe(true)
  })

  test('are looked for in the defaults as well, and not in documents of other registries', async () => {
    const { problems } = await refusal({ instances }, 'access: { allow: [{ from: [crat] }] }')
    expect(problems.map(({ path }) => path)).toEqual(['defaults.access.allow[0].from[0]'])
    const { desk: own } = desk()
    const elsewhere = 'service: x\nexternal: true\naccess: { allow: [{ from: [y] }] }'
    expect((await own.weigh(documents(elsewhere), false)).forced).toBe(false)
  })

  test('are unknown once their policy is taken away in the same write', async () => {
    const { desk: own } = desk({ instances: { payment: [v1] }, stored: 'service: cart\nexternal: true' })
    const both = [...documents(rules('cart')), { service: 'cart', document: null }]
    await expect(own.weigh(both, false)).rejects.toMatchObject({ problems: [{ path: 'payment.access.deny[1].from[0]' }] })
  })
})

test('rules that are no wall yet are accepted with a warning', async () => {
  const { desk: own } = desk({ instances: { payment: [v1], cart: [v1] } })
  const { warnings } = await own.weigh(documents('service: payment\naccess: { deny: [{ from: [cart] }], dryRun: true }'), false)
  expect(warnings).toEqual([
    'payment: access.deny[0] names callers, and whoever calls in plaintext evades it as long as mtls is not strict',
    'payment: access is tried only: what its rules would refuse is counted and let in',
  ])
})
