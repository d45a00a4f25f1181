/** Reads the data of server-sent events, as the gateway sends them: one line of JSON each. */

const END = '[DONE]';

/** The parsed `data:` of each event until the stream or the answer ends. Comments and event names are passed over. */
export async function* eventData(response: Response): AsyncGenerator<unknown> {
  if (!response.body) return;
  let rest = '';
  const decoder = new TextDecoder();
  for await (const bytes of response.body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data:')) continue;
      const data = line.slice('data:'.length).trim();
      if (data === END) return;
      const value: unknown = JSON.parse(data);
      yield value;
    }
  }
}
