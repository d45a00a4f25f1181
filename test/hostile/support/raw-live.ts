/** The live connection as bytes: what a browser's parser would make of them, without a browser. */

/** A connection that is read until it is ended. */
export type RawLive = {
  /** Ends it; all that came. */
  end(): Promise<string>;
};

/** Opens the live connection of a page. */
export async function openRawLive(url: string, page: string): Promise<RawLive> {
  const ending = new AbortController();
  const response = await fetch(`${url}/live?page=${page}`, { signal: ending.signal });
  let text = '';
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? []) text += decoder.decode(bytes, { stream: true });
  })().catch(() => {});
  return {
    end: async () => {
      ending.abort();
      await reading;
      return text;
    },
  };
}

/** Events by the rules of the standard: any of three line ends, fields by the first colon. */
export function eventsOf(text: string): { readonly name: string; readonly data: string }[] {
  const events: { name: string; data: string }[] = [];
  let name = '';
  let data: string[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (line === '') {
      if (data.length > 0) events.push({ name, data: data.join('\n') });
      name = '';
      data = [];
    } else if (field === 'event') name = value;
    else if (field === 'data') data.push(value);
    else events.push({ name: `field ${field}`, data: value });
  }
  return events;
}
