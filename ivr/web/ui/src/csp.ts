/** The nonce of this page load, for the one library that adds a style element; '' where the server sets none. */
export function styleNonce(): string {
  const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''
  return nonce.startsWith('__') ? '' : nonce
}
