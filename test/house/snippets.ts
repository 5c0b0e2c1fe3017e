/** The programs inside the documentation: code blocks marked `ts run`, with the output that the text promises. */

/** One program. */
export interface Snippet {
  /** `path:line` of the block. */
  readonly at: string
  readonly code: string
  /** What a `text` block right after it says it prints; null where none follows. */
  readonly output: string | null
}

const block = /^```ts run\n([\s\S]*?)^```\n(?:\s*^```text\n([\s\S]*?)^```$)?/gm

/** All programs of a Markdown text. */
export function snippetsOf(path: string, markdown: string): Snippet[] {
  return [...markdown.matchAll(block)].map((match) => ({
    at: `${path}:${markdown.slice(0, match.index).split('\n').length}`,
    code: match[1] as string,
    output: match[2] ?? null,
  }))
}
