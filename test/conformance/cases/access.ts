/** Who gets in, and who is turned away before anything is done for them. */
import type { Case } from '../case.ts'
import { see, visit } from '../words.ts'

const stranger = { as: '' } as const
const cart = { as: 'cart' } as const

export const access: readonly Case[] = [
  {
    name: 'where nothing is said everybody gets in, and who comes in plaintext is counted',
    policy: {},
    upstream: {},
    steps: [visit(stranger, ''), visit(cart, ''), visit({ ...stranger, path: '/a//b/..%2f;c' }, ''), see({ visitors: { plaintext: 2 } })],
  },
  {
    name: 'strict turns away who comes in plaintext, and nobody who proves who it is',
    policy: { access: { mtls: 'strict' } },
    upstream: {},
    steps: [visit(stranger, 'MTLS_REQUIRED'), visit(cart, ''), see({ visitors: { plaintext: 0, refused: { mtls_required: 1 } } })],
  },
  {
    name: 'who may call is known by its name or by its whole SPIFFE ID',
    policy: { access: { allow: [{ from: ['cart', 'spiffe://test.zerohop/ns/prod/sa/audit'] }] } },
    upstream: {},
    steps: [
      visit(cart, ''),
      visit({ as: 'spiffe://test.zerohop/ns/prod/sa/audit' }, ''),
      visit({ as: 'cart2' }, 'FORBIDDEN'),
      visit({ as: 'spiffe://test.zerohop/ns/prod/sa/cart' }, 'FORBIDDEN'),
      visit(stranger, 'FORBIDDEN'),
      see({ visitors: { refused: { not_allowed: 3 } } }),
    ],
  },
  {
    name: 'everybody who proves an identity is not everybody',
    policy: { access: { allow: [{ from: ['*'] }] } },
    upstream: {},
    steps: [visit(cart, ''), visit({ as: 'anybody' }, ''), visit(stranger, 'FORBIDDEN')],
  },
  {
    name: 'what refuses comes before what lets in',
    policy: { access: { deny: [{ paths: ['/admin*'] }, { from: ['crawler'], paths: ['/shop/charge'] }], allow: [{ from: ['*'] }] } },
    upstream: {},
    steps: [
      visit(cart, ''),
      visit({ ...cart, path: '/admin/users' }, 'FORBIDDEN'),
      visit({ as: 'crawler' }, ''),
      visit({ as: 'crawler', path: '/shop/charge' }, 'FORBIDDEN'),
      visit({ ...stranger, path: '/admin' }, 'FORBIDDEN'),
      see({ visitors: { refused: { denied: 3 } } }),
    ],
  },
  {
    name: 'a rule that lets in takes a path to the letter, and its query for nothing',
    policy: { access: { allow: [{ paths: ['/charge', '/items/*'] }] } },
    upstream: {},
    steps: [
      visit({ path: '/charge' }, ''),
      visit({ path: '/charge?to=/admin' }, ''),
      visit({ path: '/items/a%20b/c' }, ''),
      visit({ path: '/Charge' }, 'FORBIDDEN'),
      visit({ path: '/charge/' }, 'FORBIDDEN'),
      visit({ path: '/c%68arge' }, 'FORBIDDEN'),
      visit({ path: '/x?/charge' }, 'FORBIDDEN'),
    ],
  },
  {
    name: 'a rule that names methods means what the wire calls so: a verb of HTTP, a method of a gRPC service',
    policy: {
      access: { deny: [{ from: ['crawler'], methods: ['POST', 'Refund'] }], allow: [{ methods: ['GET', 'POST', 'Charge', 'Refund'] }] },
    },
    upstream: {},
    steps: [
      visit({ ...cart, path: '/shop.Payment/Charge' }, ''),
      visit({ ...cart, method: 'POST', path: '/shop.Payment/Refund' }, ''),
      visit({ ...cart, method: 'PUT', path: '/shop.Payment/List' }, 'FORBIDDEN'),
      visit({ as: 'crawler', path: '/shop.Payment/Charge' }, ''),
      visit({ as: 'crawler', method: 'POST', path: '/shop.Payment/Refund' }, 'FORBIDDEN'),
      see({ visitors: { refused: { denied: 1, not_allowed: 1 } } }),
    ],
  },
  {
    name: 'a rule that refuses takes a path in every way in which a program might',
    policy: { access: { deny: [{ paths: ['/admin', '/debug/*'] }] } },
    upstream: {},
    steps: [
      ...['/ADMIN', '/admin/', '/%61dmin', '/aDm%49n?x', '/Debug/x', '/debug/', '/debug', '/debug?x'].map((path) =>
        visit({ path }, 'FORBIDDEN'),
      ),
      ...['/', '/admins', '/debugger', '/x?y=/admin'].map((path) => visit({ path }, '')),
    ],
  },
  {
    name: 'a rule that refuses GET refuses HEAD as well, and one that lets GET in does not let HEAD in',
    policy: { access: { deny: [{ methods: ['GET'], paths: ['/debug/*'] }], allow: [{ methods: ['GET'] }, { paths: ['/debug/*'] }] } },
    upstream: {},
    steps: [
      visit({ path: '/items' }, ''),
      visit({ method: 'HEAD', path: '/items' }, 'FORBIDDEN'),
      visit({ method: 'POST', path: '/debug/x' }, ''),
      visit({ method: 'HEAD', path: '/debug/x' }, 'FORBIDDEN'),
      see({ visitors: { refused: { denied: 1, not_allowed: 1 } } }),
    ],
    not: { grpc: 'its methods are those of a service, none of which stands for another' },
  },
  {
    name: 'a path that can be read in two ways is refused where rules look at paths',
    policy: { access: { deny: [{ paths: ['/admin*'] }] } },
    upstream: {},
    steps: [
      ...[
        '/a%2fb',
        '/a%5Cb',
        '/a\\b',
        '/a/../admin',
        '/./admin',
        '/%2e%2e/admin',
        '//admin',
        '/a;b',
        '/a%00',
        '/a%',
        '/a%zz',
        '/a%c0%af',
      ].map((path) => visit({ path }, 'AMBIGUOUS_PATH')),
      visit({ path: '/a%252fb' }, 'AMBIGUOUS_PATH'),
      visit({ path: '/a.b/c..d?e=%2f//../;' }, ''),
      see({ visitors: { refused: { ambiguous_path: 13 } } }),
    ],
  },
  {
    name: 'headers tell callers apart',
    policy: {
      access: {
        deny: [{ headers: { 'x-tier': { exact: 'trial' } } }, { headers: { 'x-token': { present: false } } }],
        allow: [{ headers: { 'x-agent': { prefix: 'shop/' } } }],
      },
    },
    upstream: {},
    steps: [
      visit({ headers: { 'x-token': '1', 'x-agent': 'shop/2' } }, ''),
      visit({ headers: { 'x-agent': 'shop/2' } }, 'FORBIDDEN'),
      visit({ headers: { 'x-token': '1', 'x-agent': 'other' } }, 'FORBIDDEN'),
      visit({ headers: { 'x-token': '1', 'x-agent': 'shop/2', 'x-tier': 'gold, trial' } }, 'FORBIDDEN'),
    ],
  },
  {
    name: 'rules that are only tried turn nobody away, and count whom they would',
    policy: { access: { dryRun: true, deny: [{ paths: ['/admin'] }], allow: [{ from: ['cart'] }] } },
    upstream: {},
    steps: [
      visit(cart, ''),
      visit({ ...cart, path: '/admin' }, ''),
      visit({ as: 'crawler' }, ''),
      visit({ ...cart, path: '/a//b' }, ''),
      see({ visitors: { refused: {}, wouldRefuse: { denied: 1, not_allowed: 1, ambiguous_path: 1 } } }),
    ],
  },
  {
    name: 'rules that are only tried leave strict as it is',
    policy: { access: { mtls: 'strict', dryRun: true, default: 'deny' } },
    upstream: {},
    steps: [visit(stranger, 'MTLS_REQUIRED'), visit(cart, '')],
  },
  {
    name: 'a service without mutual TLS has rules all the same, and counts nobody for plaintext',
    policy: { access: { mtls: 'disabled', deny: [{ paths: ['/admin'] }] } },
    upstream: {},
    steps: [visit(stranger, ''), visit({ path: '/admin' }, 'FORBIDDEN'), see({ visitors: { plaintext: 0 } })],
  },
  {
    name: 'who is turned away costs nothing that others need',
    policy: { access: { allow: [{ from: ['cart'] }] }, rateLimit: { inbound: { perSecond: 0.01, burst: 1 } } },
    upstream: {},
    steps: [
      ...Array.from({ length: 5 }, () => visit({ as: 'crawler' }, 'FORBIDDEN')),
      visit(cart, ''),
      visit(cart, 'RATE_LIMITED'),
      visit({ as: 'crawler' }, 'FORBIDDEN'),
    ],
  },
]
