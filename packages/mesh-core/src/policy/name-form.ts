/** How services and versions are named: DNS labels, as Kubernetes and Consul take them. */

/** The most characters that a name has. */
export const longestName = 253

/** A whole name. */
export const nameForm = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/

/** What a text that has not this form is told. */
export const nameRule = 'a name has lower-case letters, digits, "-" and ".", and neither begins nor ends with a sign'
