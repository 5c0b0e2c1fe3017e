/** What a service of this shop is told by its environment. */

/** The value of an environment variable. @throws Error that names it where it is missing or empty */
export function setting(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '')
    throw new Error(`the environment variable ${name} must be set; \`node examples/ecommerce/main.ts\` sets it`)
  return value
}
