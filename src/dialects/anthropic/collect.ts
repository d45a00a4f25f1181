/** Events as one whole Anthropic message. */
import { impossible } from '#src/assert.ts';
import { type Block, BlockSequence, type BlockSink } from '#src/dialects/block-sequence.ts';
import type { AnswerHead, Collector } from '#src/dialects/dialect.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { unfinished } from '#src/dialects/unfinished.ts';
import type { Fault } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import { type Finish, messageId, signatureOf, stopOf, Tally } from './ending.ts';
import { toolUseId } from './tool-id.ts';

/**
 * A collector for one answer; what it gathers is what the stream of the same events would have told. `stops` are the
 * stop sequences of the request.
 */
export function anthropicCollector(head: AnswerHead, stops: readonly string[] = []): Collector {
  return new AnthropicCollector(head, stops);
}

type Told = { readonly block: Block; readonly pieces: string[] };

class AnthropicCollector implements Collector, BlockSink {
  readonly #head: AnswerHead;
  readonly #stops: readonly string[];
  readonly #tally = new Tally();
  readonly #sequence = new BlockSequence(this);
  readonly #told: Told[] = [];
  #finish: Finish | null = null;
  #fault: Fault | null = null;

  constructor(head: AnswerHead, stops: readonly string[]) {
    this.#head = head;
    this.#stops = stops;
  }

  push(event: StreamEvent): void {
    if (this.#finish !== null || this.#fault !== null) return;
    switch (event.type) {
      case 'prompt':
        this.#tally.prompt(event.promptTokens, event.cachedTokens);
        return;
      case 'text':
      case 'thinking':
        this.#tally.piece();
        this.#sequence.words(event.type, event.text);
        return;
      case 'tool-start':
        this.#sequence.toolStart(event.index, event.id, event.name);
        return;
      case 'tool-arguments':
        this.#tally.piece();
        this.#sequence.toolArguments(event.index, event.json);
        return;
      case 'usage':
        this.#tally.usage(event.usage);
        return;
      case 'finish':
        this.#sequence.finish();
        this.#finish = event;
        return;
      case 'fault':
        this.#fault = event.fault;
        return;
      default:
        impossible(event);
    }
  }

  result(): JsonObject {
    if (this.#fault !== null) throw this.#fault;
    const finish = this.#finish;
    if (finish === null) throw unfinished();
    const content = this.#told.flatMap((told, index) => this.#content(told, index, finish));
    const hasCalls = this.#told.some((told) => told.block.kind === 'tool');
    return {
      id: messageId(this.#head),
      type: 'message',
      role: 'assistant',
      model: this.#head.modelId,
      content,
      ...stopOf(finish, hasCalls, this.#stops),
      usage: this.#tally.complete(),
    };
  }

  opened(block: Block): void {
    this.#told.push({ block, pieces: [] });
  }

  grew(text: string): void {
    this.#told.at(-1)?.pieces.push(text);
  }

  closed(): void {}

  #content({ block, pieces }: Told, index: number, finish: Finish): readonly JsonObject[] {
    const text = pieces.join('');
    switch (block.kind) {
      case 'text':
        return [{ type: 'text', text }];
      case 'thinking':
        return [{ type: 'thinking', thinking: text, signature: signatureOf(this.#head, index) }];
      case 'tool': {
        const input = readInput(text);
        // A call cut off by the token limit must not be taken for a whole one.
        if (input === null && finish.reason === 'length') return [];
        return [
          { type: 'tool_use', id: toolUseId(block.id), name: block.name, input: input ?? { INVALID_JSON: text } },
        ];
      }
      default:
        return impossible(block);
    }
  }
}

/**
 * The arguments as an object; null when they are none. What does not parse goes to the client as `INVALID_JSON`, the
 * name that Anthropic gives to such input, so that its agent can refuse the call and tell the model.
 */
function readInput(text: string): JsonObject | null {
  if (text.trim() === '') return {};
  try {
    const input: unknown = JSON.parse(text);
    return isObject(input) ? input : null;
  } catch {
    return null;
  }
}
