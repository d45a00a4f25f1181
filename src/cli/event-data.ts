/** Reads the data of server-sent events, as the gateway sends them: one line of JSON each. */

const END = '[DONE]';

/** The connection ended before the stream did: Flow died, was stopped, or the caller aborted. */
export class BrokenOff extends Error {
  constructor(cause: unknown) {
    super('The connection to Flow broke off.', { cause });
    this.name = 'BrokenOff';
  }
}

/**
 * The parsed `data:` of each event until the stream or the answer ends. Comments and event names are passed over.
 * Throws BrokenOff.
 */
export async function* eventData(response: Response): AsyncGenerator<unknown> {
  for await (const line of linesOf(response)) {
    if (!line.startsWith('data:')) continue;
    const data = line.slice('data:'.length).trim();
    if (data === END) return;
    const value: unknown = JSON.parse(data);
    yield value;
  }
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  if (!response.body) return;
  let rest = '';
  const decoder = new TextDecoder();
  try {
    for await (const bytes of response.body) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (cause) {
    throw new BrokenOff(cause);
  }
}
