/** Events as Ollama's lines. Token after token comes through here, so a line is prepared text around the JSON. */
import { impossible } from '#src/assert.ts';
import type { AnswerHead, Encoder } from '#src/dialects/dialect.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { unfinished } from '#src/dialects/unfinished.ts';
import { type AnswerShape, Counts, type Durations, ended, lineHead, said } from './answer-lines.ts';
import { CallGatherer } from './call-gatherer.ts';
import { failureLine } from './voice.ts';

/** An encoder for one answer. */
export function ollamaEncoder(shape: AnswerShape, head: AnswerHead, durations: Durations | null): Encoder {
  return new OllamaEncoder(shape, head, durations);
}

class OllamaEncoder implements Encoder {
  readonly #shape: AnswerShape;
  readonly #head: JsonHead;
  readonly #durations: Durations | null;
  readonly #calls = new CallGatherer();
  readonly #counts = new Counts();
  readonly #textBegin: string;
  readonly #thinkingBegin: string;
  readonly #pieceEnd: string;
  #isOver = false;

  constructor(shape: AnswerShape, head: AnswerHead, durations: Durations | null) {
    this.#shape = shape;
    this.#head = lineHead(head);
    this.#durations = durations;
    const opening = JSON.stringify(this.#head).slice(0, -1);
    const isChat = shape === 'chat';
    this.#textBegin = `${opening},${isChat ? '"message":{"role":"assistant","content":' : '"response":'}`;
    this.#thinkingBegin = `${this.#textBegin}"","thinking":`;
    this.#pieceEnd = `${isChat ? '}' : ''},"done":false}\n`;
  }

  push(event: StreamEvent): string {
    if (this.#isOver) return '';
    switch (event.type) {
      case 'text':
        this.#counts.piece();
        return event.text === '' ? '' : this.#textBegin + JSON.stringify(event.text) + this.#pieceEnd;
      case 'thinking':
        this.#counts.piece();
        return event.text === '' ? '' : this.#thinkingBegin + JSON.stringify(event.text) + this.#pieceEnd;
      case 'tool-start':
      case 'tool-arguments': {
        if (event.type === 'tool-arguments') this.#counts.piece();
        const call = this.#calls.push(event);
        return call ? this.#line({ ...said(this.#shape, { calls: [call] }), done: false }) : '';
      }
      case 'usage':
        this.#counts.tell(event);
        return '';
      case 'finish':
        this.#isOver = true;
        return this.#finished(event.reason);
      case 'fault':
        this.#isOver = true;
        return failureLine(event.fault);
      case 'prompt':
        this.#counts.prompt(event);
        return '';
      default:
        return impossible(event);
    }
  }

  end(): string {
    return this.#isOver ? '' : this.push({ type: 'fault', fault: unfinished() });
  }

  #finished(reason: Extract<StreamEvent, { type: 'finish' }>['reason']): string {
    const calls = this.#calls.rest(reason);
    const late = calls.map((call) => this.#line({ ...said(this.#shape, { calls: [call] }), done: false }));
    const last = this.#line({ ...said(this.#shape, {}), ...ended(reason, this.#counts, this.#durations) });
    return late.join('') + last;
  }

  #line(fields: object): string {
    return `${JSON.stringify({ ...this.#head, ...fields })}\n`;
  }
}

type JsonHead = ReturnType<typeof lineHead>;
