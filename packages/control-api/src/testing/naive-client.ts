/** A client as the protocol asks for one, and nothing more: the document that it holds is what its answers add up to. */
import { type ControlDocument, controlDocumentSchema, type EndpointRecord, hashOfEndpoints } from '@zerohop/mesh-core/policy'
import { Part } from '../document/part.ts'
import type { Poll } from '../document/poll.ts'
import type { TestPlane } from './test-plane.ts'

type Answer = { readonly text: string } | { readonly version: string | null }

/** Polls when it is told to, and applies when it is told to: what lies between may be lost. */
export class NaiveClient {
  readonly plane: TestPlane
  readonly instance: string
  uses: string[]
  schema = 2
  version: string | null = null
  answer: Answer | null = null
  leave: () => void = () => {}
  mismatches = 0
  lastIndex = 0
  policies = new Map<string, { hash: string; document: unknown }>()
  endpoints = new Map<string, Map<string, EndpointRecord>>()
  trustHash = ''

  constructor(plane: TestPlane, instance: string, uses: string[]) {
    this.plane = plane
    this.instance = instance
    this.uses = uses
  }

  poll(rest: Partial<Poll> = {}): this {
    this.answer = null
    for (const name of this.endpoints.keys()) if (!this.uses.includes(name)) this.endpoints.delete(name)
    for (const name of this.policies.keys()) if (!['defaults', 'shop', ...this.uses].includes(name)) this.policies.delete(name)
    const poll = { service: 'shop', instance: this.instance, after: this.version, schema: this.schema, uses: this.uses, waitMs: 55_000 }
    this.leave = this.plane.documents.poll(
      { ...poll, sdk: '0.1.0', refused: null, ...rest },
      {
        document: (pieces) => {
          this.answer = { text: pieces.map((piece) => (piece instanceof Part ? piece.bytes.toString() : piece)).join('') }
        },
        nothing: (version) => {
          this.answer = { version }
        },
      },
    )
    return this
  }

  /** The document that came. @throws Error where none did */
  get document(): ControlDocument {
    if (this.answer === null || !('text' in this.answer)) throw new Error('no document came')
    return controlDocumentSchema.parse(JSON.parse(this.answer.text))
  }

  /** Takes over what came; false where a hash did not fit. */
  apply(): boolean {
    const { answer } = this
    this.answer = null
    if (answer === null) return true
    if ('version' in answer) {
      this.version = answer.version ?? this.version
      return true
    }
    const document = controlDocumentSchema.parse(JSON.parse(answer.text))
    const index = Number(document.version.split('.')[1])
    if (index < this.lastIndex) throw new Error(`the index went back from ${this.lastIndex} to ${index}`)
    this.lastIndex = index
    this.trustHash = document.trust?.hash ?? this.trustHash
    for (const [name, section] of Object.entries(document.policies)) {
      this.policies.set(name, { hash: section.hash, document: section.document })
    }
    for (const [name, section] of Object.entries(document.endpoints)) {
      if ('full' in section) this.endpoints.set(name, new Map(section.full.map((one) => [one.address, one])))
      else {
        const held = this.endpoints.get(name) ?? new Map()
        if (hashOfEndpoints(held.values()) !== section.from) return this.#mismatch()
        for (const address of section.drop) held.delete(address)
        for (const one of section.put) held.set(one.address, one)
      }
    }
    for (const name of this.policies.keys()) if (!(`policy/${name}` in document.sections)) this.policies.delete(name)
    for (const name of this.endpoints.keys()) if (!(`endpoints/${name}` in document.sections)) this.endpoints.delete(name)
    for (const [section, hash] of Object.entries(document.sections)) {
      if (this.#hashOf(section) !== hash) return this.#mismatch()
    }
    this.version = document.version
    return true
  }

  #hashOf(section: string): string | undefined {
    const [kind, name = ''] = section.split('/')
    if (kind === 'trust') return this.trustHash
    if (kind === 'policy') return this.policies.get(name)?.hash
    const held = this.endpoints.get(name)
    return held === undefined ? undefined : hashOfEndpoints(held.values())
  }

  #mismatch(): false {
    this.mismatches += 1
    this.version = null
    this.trustHash = ''
    this.policies.clear()
    this.endpoints.clear()
    return false
  }
}
