/**
 * Runs in the browser, over the whole document with what lies in templates and shadows: every element and attribute
 * that could only have come out of planted text, in words. Written so that it needs nothing from outside.
 */

/** What the look may not complain of. */
export type Allowed = {
  /** Origins that links (`<a>` with `noreferrer`) may lead to when they are clicked. */
  readonly linked: 'any' | 'own';
};

/** Elements of the document that planted text made, and attributes of ours that it took over. */
export function plantedIn(allowed: Allowed): readonly string[] {
  const MARKS = /pwned|canary|alert\(|forged/i;
  /** Letters of ids, addresses and selectors that are made from names: nothing of these begins anything. */
  const TAME = /^[\w\s#:.,\-/%?=&@~]*$/;
  const EMBEDDING = /^(?:IFRAME|FRAME|OBJECT|EMBED|BASE|AUDIO|VIDEO|SOURCE|FOREIGNOBJECT|ANIMATE|SET)$/i;
  const STRANGE = /^(?:MARQUEE|MATH|XMP|PLAINTEXT|NOEMBED|X-X|HX-.*)$/i;
  const ADDRESSES = /^(?:href|src|action|formaction|xlink:href|data|poster|ping|background|srcset|manifest)$/;
  const ASKED = /^(?:data-)?hx-(?:get|post|put|patch|delete|action|push-url|replace-url|sse:connect)(?::inherited)?$/;
  /** Text that is only shown or sent; whatever stands there is no program. */
  const SHOWN =
    /^(?:title|alt|value|placeholder|content|label|download|datetime|aria-(?:label|description|valuetext))$/;
  const OUR_DATA = /^data-(?!hx-)[\w-]+$/;
  const found: string[] = [];

  const addressTrouble = (element: Element, value: string): string | null => {
    let url: URL;
    try {
      url = new URL(value, location.href);
    } catch {
      return 'is no address';
    }
    if (url.protocol === 'blob:' || /^data:image\/(?:png|jpeg|webp|gif);base64,/.test(value)) return null;
    if (url.protocol === 'mailto:' && element.tagName === 'A') return null;
    if (!/^https?:$/.test(url.protocol)) return `leads to ${url.protocol}`;
    if (url.origin === location.origin) return url.pathname.startsWith('/canary') ? 'leads to the canary' : null;
    const isLink = element.tagName === 'A' && /noreferrer/.test(element.getAttribute('rel') ?? '');
    return isLink && allowed.linked === 'any' ? null : `leads to ${url.origin}`;
  };

  const attributeTrouble = (element: Element, name: string, value: string): string | null => {
    if (/pwned/i.test(name) || /^on/i.test(name) || name === 'srcdoc') return 'is not ours';
    if (/[<>"'`=]/.test(name)) return 'is no name of an attribute';
    if (ADDRESSES.test(name) || ASKED.test(name)) return addressTrouble(element, value);
    if (name === 'hx-vals') {
      try {
        JSON.parse(value);
        return null;
      } catch {
        return 'is not JSON';
      }
    }
    if (SHOWN.test(name) || OUR_DATA.test(name)) return null;
    return MARKS.test(value) && !TAME.test(value) ? 'holds planted text' : null;
  };

  const look = (root: Document | DocumentFragment): void => {
    for (const element of root.querySelectorAll('*')) {
      // A form's own `id` may be hidden by a field of that name.
      const id = element.getAttribute('id')?.slice(0, 60);
      const where = `<${element.tagName.toLowerCase()}${id ? ` id="${id}"` : ''}>`;
      if (EMBEDDING.test(element.tagName) || STRANGE.test(element.tagName)) found.push(`${where} exists`);
      if (element.tagName === 'SCRIPT' && (element.textContent ?? '').trim() !== '')
        found.push(`${where} has a program`);
      if (element.tagName === 'STYLE' && MARKS.test(element.textContent ?? '')) found.push(`${where} is planted`);
      if (element.tagName === 'META' && element.hasAttribute('http-equiv')) found.push(`${where} has http-equiv`);
      for (const { name, value } of element.attributes) {
        const trouble = attributeTrouble(element, name, value);
        if (trouble) found.push(`${where} ${name}="${value.slice(0, 120)}" ${trouble}`);
      }
      if (element instanceof HTMLTemplateElement) look(element.content);
      if (element.shadowRoot) look(element.shadowRoot);
    }
  };
  look(document);
  if ('pwned' in window) found.push(`window.pwned = ${String(window.pwned)}`);
  return found.slice(0, 40);
}

/** All that the page says, in the order of the document: text, values of fields, labels. */
export function wordsOf(): string {
  const words = [document.title, document.body.textContent ?? ''];
  for (const field of document.querySelectorAll('input, textarea, option')) {
    if ('value' in field) words.push(String(field.value));
  }
  for (const element of document.querySelectorAll('[title], [aria-label], [placeholder]')) {
    for (const name of ['title', 'aria-label', 'placeholder']) words.push(element.getAttribute(name) ?? '');
  }
  return words.join('\n');
}
