/** The headers that every answer carries, whoever made it. */

/** Nothing but our own files, no inline script or style, no frame round us. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "object-src 'none'",
].join('; ');

/** What is not a page may load nothing at all, should a browser ever be talked into showing it as one. */
const PLAIN_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** Adds the headers to an answer in place; a stricter or deliberate policy that a handler chose itself stays. */
export function harden(response: Response): Response {
  const headers = response.headers;
  const isPage = headers.get('content-type')?.startsWith('text/html') ?? false;
  headers.set('x-content-type-options', 'nosniff');
  // Not `no-referrer`: under it browsers send `Origin: null` with our own forms, and on a LAN address, where there is
  // no Sec-Fetch-Site, that header alone proves that the login form is ours.
  headers.set('referrer-policy', 'same-origin');
  headers.set('cross-origin-resource-policy', 'same-origin');
  if (!headers.has('content-security-policy')) {
    headers.set('content-security-policy', isPage ? CONTENT_SECURITY_POLICY : PLAIN_POLICY);
  }
  if (isPage) {
    headers.set('cross-origin-opener-policy', 'same-origin');
    headers.set('x-frame-options', 'DENY');
  }
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
  return response;
}
