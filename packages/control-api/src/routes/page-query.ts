/** How long lists are read page by page. */
import { z } from 'zod'

const wholeNumber = z.string().regex(/^\d{1,15}$/, 'expected a whole number')

/** `before`: go on below this number. `limit`: at most so many, 1 to 1,000; default 100. */
export const pageQuery = z.strictObject({
  before: wholeNumber.transform(Number).optional(),
  limit: wholeNumber
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 1000, 'expected a number from 1 to 1000')
    .default(100),
})
