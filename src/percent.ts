/** Undoes percent encoding; null when a percent sign encodes nothing. Ids hold slashes, sent as they are or encoded. */
export function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
