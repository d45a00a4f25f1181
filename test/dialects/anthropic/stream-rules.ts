/**
 * The rules of Anthropic's event stream, written down once more from the outside: what any answer of ours must obey.
 */

export type WireEvent = { readonly event: string; readonly data: Record<string, unknown> };

/** The frames of a stream. Throws when one is not exactly an event line, a data line and an empty line. */
export function framesOf(stream: string): WireEvent[] {
  if (stream === '') return [];
  if (!stream.endsWith('\n\n')) throw new Error('the last frame is not closed');
  return stream
    .slice(0, -2)
    .split('\n\n')
    .map((frame) => {
      const match = /^event: ([a-z_]+)\ndata: (\{[^\n\r]*\})$/.exec(frame);
      if (!match?.[1] || !match[2]) throw new Error(`not a frame: ${frame}`);
      return { event: match[1], data: JSON.parse(match[2]) };
    });
}

const DELTA_OF_BLOCK: Record<string, string[]> = {
  text: ['text_delta'],
  thinking: ['thinking_delta', 'signature_delta'],
  tool_use: ['input_json_delta'],
};

/** Throws at the first rule that a complete stream breaks. */
export function checkStream(events: readonly WireEvent[]): void {
  const rule = (holds: boolean, words: string) => {
    if (!holds) throw new Error(words);
  };
  let open: { type: string; deltas: { type: string; text: string }[] } | null = null;
  let nextIndex = 0;
  let state: 'new' | 'content' | 'ending' | 'over' = 'new';
  for (const { event, data } of events) {
    rule(data.type === event, `event ${event} carries type ${data.type}`);
    rule(state !== 'over', `${event} after the end`);
    if (event === 'ping') continue;
    if (event === 'error') {
      state = 'over';
      continue;
    }
    if (event.startsWith('content_block')) rule(state === 'content', `${event} outside the content`);
    switch (event) {
      case 'message_start': {
        rule(state === 'new', 'a second message_start');
        const usage = (data.message as { usage: Record<string, unknown> }).usage;
        for (const field of ['input_tokens', 'output_tokens']) rule(typeof usage[field] === 'number', `no ${field}`);
        state = 'content';
        break;
      }
      case 'content_block_start':
        rule(open === null, 'a block opens inside another');
        rule(data.index === nextIndex, `index ${data.index} instead of ${nextIndex}`);
        open = { type: (data.content_block as { type: string }).type, deltas: [] };
        break;
      case 'content_block_delta': {
        const delta = data.delta as Record<string, string>;
        const type = delta.type ?? '';
        rule(open !== null && data.index === nextIndex, 'a delta outside its block');
        rule(DELTA_OF_BLOCK[open?.type ?? '']?.includes(type) ?? false, `${type} in ${open?.type}`);
        rule(open?.deltas.at(-1)?.type !== 'signature_delta', 'a delta after the signature');
        open?.deltas.push({ type, text: delta.text ?? delta.thinking ?? delta.partial_json ?? delta.signature ?? '' });
        break;
      }
      case 'content_block_stop':
        rule(open !== null && data.index === nextIndex, 'a stop outside its block');
        checkBlock(open ?? { type: '', deltas: [] }, rule);
        open = null;
        nextIndex += 1;
        break;
      case 'message_delta':
        rule(state === 'content' && open === null, 'message_delta before the content ended');
        rule(typeof (data.delta as { stop_reason: unknown }).stop_reason === 'string', 'no stop reason');
        rule(typeof (data.usage as { output_tokens: unknown }).output_tokens === 'number', 'no output_tokens');
        state = 'ending';
        break;
      case 'message_stop':
        rule(state === 'ending', 'message_stop without message_delta');
        state = 'over';
        break;
      default:
        rule(false, `unknown event ${event}`);
    }
  }
  rule(state === 'over', 'the stream has no end');
}

function checkBlock(
  block: { type: string; deltas: { type: string; text: string }[] },
  rule: (holds: boolean, words: string) => void,
): void {
  rule(
    block.deltas.every((delta) => delta.text !== ''),
    'an empty delta',
  );
  if (block.type === 'text') rule(block.deltas.length > 0, 'an empty text block');
  if (block.type === 'thinking') rule(block.deltas.at(-1)?.type === 'signature_delta', 'a thought without signature');
}
