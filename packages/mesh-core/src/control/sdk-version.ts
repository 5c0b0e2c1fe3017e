/** The version of this package, as polls tell it; a test holds it to package.json. */
export const sdkVersion = '0.1.0'
