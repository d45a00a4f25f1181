/** Ollama's protocol, as Open WebUI, Zed, Home Assistant and many small tools speak it. */
import type { Dialect } from '#src/dialects/dialect.ts';
import type { AnswerShape, Durations } from './answer-lines.ts';
import { ollamaCollector } from './collect.ts';
import { ollamaEncoder } from './encode.ts';
import { readChat, readGenerate } from './request.ts';
import { ollamaVoice } from './voice.ts';

/**
 * The protocol of `/api/chat` or of `/api/generate`. Without `durations` the whole is said to have taken as long as the
 * engine did.
 */
export function ollamaDialect(shape: AnswerShape, durations: Durations | null = null): Dialect {
  return {
    ...ollamaVoice(shape),
    read: (body) => ({
      ...(shape === 'chat' ? readChat(body) : readGenerate(body)),
      encoder: (head) => ollamaEncoder(shape, head, durations),
      collector: (head) => ollamaCollector(shape, head, durations),
    }),
  };
}
