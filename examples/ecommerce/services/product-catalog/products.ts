/** The articles of the shop. */

/** One article. */
export interface Product {
  readonly sku: string
  readonly name: string
  readonly cents: number
}

/** Everything that is for sale. */
export const products: readonly Product[] = [
  { sku: 'beans', name: 'White beans, 1 kg', cents: 420 },
  { sku: 'rice', name: 'Carnaroli rice, 1 kg', cents: 590 },
  { sku: 'olive-oil', name: 'Olive oil, 750 ml', cents: 1490 },
  { sku: 'flour', name: 'Wheat flour, 1 kg', cents: 180 },
  { sku: 'honey', name: 'Chestnut honey, 500 g', cents: 980 },
  { sku: 'tea', name: 'Green tea, 100 g', cents: 750 },
  { sku: 'coffee', name: 'Coffee, 500 g', cents: 1250 },
  { sku: 'salt', name: 'Sea salt, 250 g', cents: 320 },
  { sku: 'pepper', name: 'Black pepper, 80 g', cents: 410 },
  { sku: 'pasta', name: 'Rigatoni, 500 g', cents: 210 },
  { sku: 'tomatoes', name: 'Peeled tomatoes, 400 g', cents: 160 },
  { sku: 'chocolate', name: 'Dark chocolate, 100 g', cents: 340 },
]
