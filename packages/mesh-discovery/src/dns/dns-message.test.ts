import { type Answer, encode, type Packet } from 'dns-packet'
import { array, assert, integer, property, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { encodeQuestion, type Question, readAnswer } from './dns-message.ts'

const question: Question = { name: 'inventory.internal', type: 'A' }
const soa: Answer = { type: 'SOA', name: 'internal', ttl: 300, data: { mname: 'ns', rname: 'root', minimum: 7 } }

function a(name: string, data: string, ttl = 60): Answer {
  return { type: 'A', name, ttl, data }
}

function cname(name: string, data: string, ttl = 60): Answer {
  return { type: 'CNAME', name, ttl, data }
}

function packet(over: Partial<Packet> & { rcode?: number } = {}): Buffer {
  const bytes = encode({ type: 'response', id: 7, questions: [{ ...question, class: 'IN' }], ...over })
  bytes.writeUInt16BE(bytes.readUInt16BE(2) | (over.rcode ?? 0), 2)
  return bytes
}

test('addresses come with the shortest lifetime among them, each once', () => {
  const answers = [a('Inventory.Internal', '10.0.0.1', 60), a(question.name, '10.0.0.2', 5), a(question.name, '10.0.0.2', 9)]
  expect(readAnswer(packet({ answers }), question, 7)).toEqual({ kind: 'addresses', addresses: ['10.0.0.1', '10.0.0.2'], ttlSeconds: 5 })
})

test('an alias is followed within the answer, and its lifetime counts', () => {
  const answers = [a('b.internal', '10.0.0.1'), cname('a.internal', 'B.internal', 9), cname(question.name, 'a.internal', 30)]
  expect(readAnswer(packet({ answers }), question, 7)).toEqual({ kind: 'addresses', addresses: ['10.0.0.1'], ttlSeconds: 9 })
})

test('an alias whose end the answer does not hold is handed up', () => {
  const answers = [cname(question.name, 'elsewhere.example', 30)]
  expect(readAnswer(packet({ answers }), question, 7)).toEqual({ kind: 'alias', target: 'elsewhere.example', ttlSeconds: 30 })
})

test('aliases in a circle come to an end', () => {
  const answers = [cname(question.name, 'a.internal'), cname('a.internal', question.name)]
  expect(readAnswer(packet({ answers }), question, 7)).toMatchObject({ kind: 'none' })
})

test('records of another name do not count', () => {
  expect(readAnswer(packet({ answers: [a('evil.example', '10.6.6.6')], authorities: [soa] }), question, 7)).toMatchObject({ kind: 'none' })
})

test.each([
  ['NXDOMAIN', 3],
  ['NODATA', 0],
])('%s is believed for as long as its SOA says', (why, rcode) => {
  expect(readAnswer(packet({ rcode, authorities: [soa] }), question, 7)).toEqual({ kind: 'none', why, ttlSeconds: 7 })
})

test('a referral to other servers is a failure, not the word that there is nothing', () => {
  const authorities: Answer[] = [{ type: 'NS', name: 'internal', ttl: 60, data: 'ns.internal' }]
  expect(readAnswer(packet({ authorities }), question, 7)).toMatchObject({
    kind: 'failure',
    why: expect.stringContaining('refers to other'),
  })
})

test('SERVFAIL is a failure, with or without the question repeated', () => {
  const failure = { kind: 'failure', why: 'answered SERVFAIL' }
  expect(readAnswer(packet({ rcode: 2 }), question, 7)).toEqual(failure)
  expect(readAnswer(packet({ rcode: 2, questions: [] }), question, 7)).toEqual(failure)
})

test('an answer that did not fit is not read in part', () => {
  expect(readAnswer(packet({ flags: 1 << 9, answers: [a(question.name, '10.0.0.1')] }), question, 7)).toEqual({ kind: 'truncated' })
})

test.each<[string, Buffer]>([
  ['of another id', packet({ id: 8, answers: [a(question.name, '10.6.6.6')] })],
  ['to another name', packet({ questions: [{ name: 'x.internal', type: 'A', class: 'IN' }] })],
  ['to another type', packet({ questions: [{ name: question.name, type: 'AAAA', class: 'IN' }] })],
  ['to no question', packet({ questions: [] })],
  ['that is a question itself', encodeQuestion(question, 7)],
  ['without a header', Buffer.alloc(11)],
])('what is an answer %s is none', (_, bytes) => {
  expect(readAnswer(bytes, question, 7)).toBeNull()
})

test('a lifetime with its first bit set is 0', () => {
  expect(readAnswer(packet({ answers: [a(question.name, '10.0.0.1', 0x8000_0000)] }), question, 7)).toMatchObject({ ttlSeconds: 0 })
})

test('the service that is decidedly not offered has the target of the root', () => {
  const srv: Question = { name: '_http._tcp.internal', type: 'SRV' }
  const answers: Answer[] = [
    { type: 'SRV', name: srv.name, ttl: 30, data: { priority: 1, weight: 2, port: 80, target: 'A.internal' } },
    { type: 'SRV', name: srv.name, ttl: 30, data: { priority: 0, weight: 0, port: 0, target: '.' } },
  ]
  const bytes = encode({ type: 'response', id: 7, questions: [{ ...srv, class: 'IN' }], answers })
  expect(readAnswer(bytes, srv, 7)).toEqual({
    kind: 'services',
    ttlSeconds: 30,
    services: [
      { priority: 1, weight: 2, port: 80, target: 'a.internal' },
      { priority: 0, weight: 0, port: 0, target: '' },
    ],
  })
})

test('garbage is no answer, and harms nobody', () => {
  assert(
    property(uint8Array({ maxLength: 600 }), (bytes) => {
      expect(readAnswer(Buffer.from(bytes), question, 7)).toBeNull()
    }),
    { numRuns: 2000 },
  )
})

test('a true answer with bytes changed or cut off is read or refused, never thrown at the caller', () => {
  const whole = packet({ answers: [cname(question.name, 'a.internal'), a('a.internal', '10.0.0.1')], authorities: [soa] })
  // The header's id, flags and question stay, so that what follows is really read.
  const change = array(integer({ min: 0, max: whole.length * 256 - 1 }), { maxLength: 6 })
  assert(
    property(change, integer({ min: 12, max: whole.length }), (changes, length) => {
      const bytes = Buffer.from(whole)
      for (const one of changes) if (one >> 8 >= 4) bytes[one >> 8] = one & 0xff
      const answer = readAnswer(bytes.subarray(0, length), question, 7)
      if (answer?.kind === 'addresses') for (const address of answer.addresses) expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
    }),
    { numRuns: 3000 },
  )
})
