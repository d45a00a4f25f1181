/** Asks a ready engine over HTTP, with bounds on what it may answer. */
import { Fault } from '#src/faults.ts';
import { type JsonObject, objectOrNull } from '#src/json.ts';
import type { Model } from '#src/models/model.ts';
import { type Frame, FrameReader } from '#src/stream/frames.ts';
import type { ModelState } from '#src/supervision/model-state.ts';
import type { EngineClient, ExchangeResponse } from '#src/transport/exchange.ts';
import { type Asker, wordsOf } from './questions.ts';

const ANSWER_BYTES_MAX = 4 << 20;
/** A trial asks for a sentence. */
const FRAMES_MAX = 5_000;

/** An asker whose questions end with the signal. */
export function engineAsker(
  client: EngineClient,
  { baseUrl, apiKey, speech }: Extract<ModelState, { phase: 'ready' }>,
  model: Model,
  signal: AbortSignal,
): Asker {
  const key = apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` };
  const headers = { 'content-type': 'application/json', ...key };
  const send = (path: string, body: JsonObject) =>
    client.send(baseUrl, { method: 'POST', path, headers, body: JSON.stringify(body), signal });
  return {
    speech,
    modelName: speech.modelName ?? model.id,
    async post(path, body) {
      const answer = await send(path, body);
      const text = await answer.text(ANSWER_BYTES_MAX);
      const value = objectOrNull(text);
      if (answer.status !== 200) throw refusal(path, answer.status, value, text);
      if (value !== null) return value;
      throw new Fault('engine-refused', `What it answers at ${path} is not JSON: ${quoted(text)}.`);
    },
    async stream(path, body) {
      const answer = await send(path, body);
      if (answer.status === 200) return framesOf(answer);
      const text = await answer.text(ANSWER_BYTES_MAX);
      throw refusal(path, answer.status, objectOrNull(text), text);
    },
  };
}

async function framesOf(answer: ExchangeResponse): Promise<readonly Frame[]> {
  const reader = new FrameReader();
  const frames: Frame[] = [];
  try {
    for (let bytes = await answer.read(); bytes !== null; bytes = await answer.read()) {
      frames.push(...reader.push(bytes));
      if (frames.length > FRAMES_MAX) throw new Fault('engine-refused', 'Its stream does not end.');
      if (frames.at(-1)?.data === '[DONE]') return frames;
    }
    return [...frames, ...reader.end()];
  } finally {
    answer.close();
  }
}

function refusal(path: string, status: number, value: JsonObject | null, text: string): Fault {
  return new Fault('engine-refused', `It answers ${path} with ${status}: ${value ? wordsOf(value) : quoted(text)}.`);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
