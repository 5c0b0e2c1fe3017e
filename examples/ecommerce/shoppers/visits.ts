/** What shoppers come for: page after page, as a browser asks for them. */
import type { PageKind, PageView } from './page-view.ts'

/** Looks around; fills a cart; buys. */
export type Visit = 'look' | 'collect' | 'buy'

/** Where a page view is written down, and what ends it early. */
export interface Looking {
  readonly view: PageView
  readonly signal: AbortSignal
}

/** One page of a visit. `number` tells shoppers apart. */
export interface Page {
  readonly kind: PageKind
  ask(base: string, number: number, looking: Looking): Promise<void>
}

const articles = ['beans', 'rice', 'olive-oil', 'flour', 'honey', 'tea', 'coffee', 'salt', 'pepper', 'pasta', 'tomatoes', 'chocolate']
// As many customers as the user service knows.
const customers = 5000

const user = (number: number): string => `u-${number % customers}`
const article = (number: number): string => articles[number % articles.length] as string

async function read(url: string, { view, signal }: Looking, body?: unknown): Promise<Response> {
  const post: RequestInit = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(url, body === undefined ? { signal } : { ...post, signal })
  const text = await response.text()
  view.status = response.status
  if (response.status >= 400) view.problem = text.slice(0, 200)
  return new Response(text, response)
}

/** Reads `user;dur=1.5, stock;dur=80` into milliseconds by name. */
function readTimings(header: string | null): Record<string, number> {
  const found = [...(header ?? '').matchAll(/([a-z]+);dur=([\d.]+)/g)]
  return Object.fromEntries(found.map(([, name, ms]) => [name, Number(ms)]))
}

const home: Page = { kind: 'home', ask: async (base, _number, looking) => void (await read(`${base}/`, looking)) }
const product: Page = {
  kind: 'product',
  ask: async (base, number, looking) => void (await read(`${base}/products/${article(number)}`, looking)),
}
const cart: Page = { kind: 'cart', ask: async (base, number, looking) => void (await read(`${base}/cart/${user(number)}`, looking)) }
const add: Page = {
  kind: 'add',
  ask: async (base, number, looking) => {
    await read(`${base}/cart/${user(number)}`, looking, { skus: [article(number), article(number + 1), article(number + 2)] })
  },
}
const checkout: Page = {
  kind: 'checkout',
  ask: async (base, number, looking) => {
    const { view } = looking
    view.order = `o-${number}`
    const response = await read(`${base}/checkout`, looking, { user: user(number), order: view.order })
    if (view.status >= 400) return
    const answer = (await response.json()) as { status: string; paidBy: string; message?: string }
    view.outcome = answer.message === 'payment is busy, your order is saved' ? 'saved' : answer.status
    view.paidBy = answer.paidBy
    view.timings = readTimings(response.headers.get('server-timing'))
  },
}

/** The pages of each visit, in their order. */
export const visits: Readonly<Record<Visit, readonly Page[]>> = { look: [home, product], collect: [add, cart], buy: [add, checkout] }
