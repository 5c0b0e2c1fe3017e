/** The shop window, as HTML. */

/** An article as the catalog describes it. */
export interface Article {
  readonly sku: string
  readonly name: string
  readonly cents: number
  readonly units: number | null
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}

/** The page with all articles. */
export function homePage(articles: readonly Article[]): string {
  const rows = articles.map(
    ({ sku, name, cents, units }) =>
      `<tr><td><a href="/products/${encodeURIComponent(sku)}">${escaped(name)}</a></td><td>${(cents / 100).toFixed(2)}</td><td>${units ?? 'sold out'}</td></tr>`,
  )
  return `<!doctype html><meta charset="utf-8"><title>The shop</title><h1>The shop</h1><table>${rows.join('')}</table>`
}
