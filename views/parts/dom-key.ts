/** Any name as part of an id: letters and digits stay, all else becomes its code, so no two names meet. */
export function domKey(name: string): string {
  return name.replace(/[^A-Za-z0-9]/g, (character) => `_${character.codePointAt(0)?.toString(16) ?? ''}_`);
}
