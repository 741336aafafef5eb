/**
 * Text from elsewhere as one line that cannot steer a terminal: control characters, escape sequences' first
 * bytes and marks that turn the reading direction become visible or blank.
 */
export function plainText(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD');
}
