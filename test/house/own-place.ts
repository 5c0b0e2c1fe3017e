/** The rule that the repository speaks of no machine but the reader's: no absolute home paths, no hosts of package registries. */

const personalPath = /(?<![\w.~/-])\/(?:work|home|root|Users|mnt|private)\/[\w.-]+/
// The public hosts by name, and any URL whose host calls itself a registry or a mirror.
const registryHost = /\bregistry\.(?:npmjs\.org|yarnpkg\.com)|\bhttps?:\/\/[\w.-]*(?:registry|mirror|artifactory|verdaccio|nexus)[\w.-]*/i

/** What one text file says that holds on one machine only. */
export function placeProblems(path: string, text: string): string[] {
  return text.split('\n').flatMap((line, at) => {
    const found = personalPath.exec(line) ?? registryHost.exec(line)
    return found === null ? [] : [`${path}:${at + 1}: "${found[0]}" means something on one machine only`]
  })
}
