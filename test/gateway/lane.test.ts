// The two ways through the gateway, without sockets: bytes in, pieces out. Endings over real sockets: answer.test.ts.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { anthropicEncoder } from '#src/dialects/anthropic/encode.ts';
import { type Lane, TranslateLane, VerbatimLane } from '#src/gateway/lane.ts';
import { CountingTracker, dataOf } from './support/house.ts';

const ticket = () =>
  new CountingTracker().open({ route: '/', dialect: 'chat', wantedModel: null, isStream: true, client: null });
const delta = (text: string | null) =>
  `data: ${JSON.stringify({ choices: [{ finish_reason: null, index: 0, delta: { content: text } }] })}\n\n`;
const progress = (processed: number) =>
  `data: ${JSON.stringify({
    choices: [{ index: 0, delta: { content: null } }],
    prompt_progress: { total: 9, cache: 0, processed },
  })}\n\n`;
const FINISH = `data: ${JSON.stringify({
  choices: [{ finish_reason: 'stop', index: 0, delta: {} }],
  timings: { predicted_n: 3, prompt_n: 9 },
})}\n\n`;
const DONE = 'data: [DONE]\n\n';
const TEXTS = ['é', '👩‍👩‍👧‍👦', '"quote"\n', '日本'];
const STREAM = [progress(0), progress(9), delta(null), ...TEXTS.map(delta), FINISH, DONE].join('');

function carry(lane: Lane, pieces: readonly Uint8Array[]) {
  const out = pieces.map((piece) => lane.take(Uint8Array.from(piece)));
  const { piece, ending } = lane.end();
  return {
    out,
    text: [...out, piece].map((each) => (each === null ? '' : Buffer.from(each).toString())).join(''),
    ending,
  };
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((from, index) => bytes.slice(from, sorted[index] ?? bytes.length));
}

const verbatim = () => new VerbatimLane({ ticket: ticket(), hidesProgress: true });
const translate = () => {
  const made = ticket();
  const head = { requestId: made.id, modelId: 'm', createdS: 1 };
  return new TranslateLane({ ticket: made, encoder: anthropicEncoder(head) });
};

describe('the verbatim lane', () => {
  const expected = [delta(null), ...TEXTS.map(delta), FINISH, DONE].join('');

  test('gives the engine’s bytes without the progress, however they are cut, and only whole frames', () => {
    const bytes = Buffer.from(STREAM);
    fc.assert(
      fc.property(fc.array(fc.nat(5000), { maxLength: 30 }), (places) => {
        const { out, text, ending } = carry(verbatim(), cut(bytes, places));
        expect(text).toBe(expected);
        for (const piece of out) if (piece !== null) expect(Buffer.from(piece).toString()).toEndWith('\n\n');
        expect(ending).toMatchObject({ finish: 'stop', fault: null, usage: { outputTokens: 3, inputTokens: 9 } });
      }),
      { numRuns: 500 },
    );
  });

  test('F-30: is split at every byte without harm to a character', () => {
    const bytes = Buffer.from(STREAM);
    for (let place = 0; place <= bytes.length; place += 1) {
      expect(carry(verbatim(), [bytes.subarray(0, place), bytes.subarray(place)]).text).toBe(expected);
    }
  });

  test('hands out the very bytes that arrived once the answer runs', () => {
    const lane = verbatim();
    lane.take(Buffer.from(progress(0) + delta('a')));
    const arrived = Buffer.from(delta('b') + delta('c'));
    expect(lane.take(arrived)).toBe(arrived);
    expect(lane.outputTokens).toBe(3);
  });

  test('knows an ending that is none', () => {
    const broken = carry(verbatim(), [Buffer.from(delta('a') + delta('b').slice(0, 20))]);
    expect(broken.ending).toMatchObject({ finish: null, isUntold: true, fault: { kind: 'engine-died' } });
    const told = carry(verbatim(), [Buffer.from(`${delta('a')}data: {"error":{"message":"x"}}\n\n`)]);
    expect(told.ending).toMatchObject({ isUntold: false, fault: { message: 'x' } });
  });

  test('finds finish and counts at the end of an answer of any length', () => {
    const long = delta('x'.repeat(500)).repeat(200);
    for (const pieces of [
      [long + FINISH + DONE],
      [long, FINISH, DONE],
      [...((long + FINISH + DONE).match(/[\s\S]{1,999}/g) ?? [])],
    ]) {
      const { ending } = carry(
        verbatim(),
        pieces.map((piece) => Buffer.from(piece)),
      );
      expect(ending).toMatchObject({ finish: 'stop', usage: { outputTokens: 3 } });
    }
  });

  test('finds the end in a last frame that is longer than what it keeps as a rule', () => {
    // llama-server's own /completion repeats the whole prompt there.
    const answer = {
      content: '',
      stop: true,
      stop_type: 'eos',
      prompt: 'x'.repeat(50_000),
      timings: { predicted_n: 3 },
    };
    for (const before of ['', 'data: {"content":"a","stop":false}\n\n', delta('x'.repeat(9_000))]) {
      for (const lineEnd of ['\n', '\r\n']) {
        const stream = `${before}data: ${JSON.stringify(answer)}\n\n`.replaceAll('\n', lineEnd);
        for (const pieces of [[stream], stream.match(/[\s\S]{1,999}/g) ?? []]) {
          const bytes = pieces.map((piece) => Buffer.from(piece));
          const { ending, text } = carry(new VerbatimLane({ ticket: ticket(), hidesProgress: false }), bytes);
          expect(ending).toMatchObject({ fault: null, finish: 'stop', usage: { outputTokens: 3 } });
          expect(text).toBe(stream);
        }
      }
    }
  });

  test('keeps the half of a frame to itself when the engine breaks off, but not a whole one without its empty line', () => {
    const broken = carry(verbatim(), [Buffer.from(`${delta('a')}data: {"choices":[{"del`)]);
    expect(broken.text).toBe(delta('a'));
    expect(broken.ending).toMatchObject({ isUntold: true });
    const error = 'data: {"error":{"message":"x"}}';
    expect(carry(verbatim(), [Buffer.from(delta('a') + error)]).text).toBe(`${delta('a')}${error}\n\n`);
    const done = carry(verbatim(), [Buffer.from(`${delta('a')}data: [DONE]`)]);
    expect(done.text).toBe(`${delta('a')}data: [DONE]\n\n`);
    expect(done.ending.fault).toBeNull();
  });

  test('F-31: bounds a frame that never ends', () => {
    const lane = verbatim();
    lane.take(Buffer.from(delta('a')));
    const block = Buffer.alloc(8 << 20, 97);
    const flood = () => {
      for (let blocks = 0; blocks < 12; blocks += 1) lane.take(block);
    };
    expect(flood).toThrow('The engine sent one frame of more than');
  });

  test('F-31: carries a frame of 8 MB that comes in small pieces', () => {
    const bytes = Buffer.from(delta('a') + delta('x'.repeat(8 << 20)) + FINISH);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, at) =>
      bytes.subarray(at * 65_536, (at + 1) * 65_536),
    );
    for (const lane of [verbatim, translate]) {
      const { text, ending } = carry(lane(), pieces);
      expect(text.match(/x{9,}/)?.[0].length).toBe(8 << 20);
      expect(ending).toMatchObject({ finish: 'stop', fault: null });
    }
  });

  test('takes [DONE] for an end when the finish of a first choice is long gone', () => {
    expect(carry(verbatim(), [Buffer.from(delta('a') + DONE)]).ending).toMatchObject({ fault: null, finish: null });
  });
});

describe('the translating lane', () => {
  test('F-30, F-31: says the same however the bytes are cut', () => {
    const bytes = Buffer.from(STREAM);
    const text = (all: string) =>
      dataOf(all)
        .map((data) => JSON.parse(data))
        .map((event) => event.delta?.text ?? '')
        .join('');
    fc.assert(
      fc.property(fc.array(fc.nat(5000), { maxLength: 30 }), (places) => {
        const carried = carry(translate(), cut(bytes, places));
        expect(text(carried.text)).toBe(TEXTS.join(''));
        expect(carried.text.match(/event: message_stop/g)).toHaveLength(1);
        expect(carried.ending.finish).toBe('stop');
      }),
      { numRuns: 300 },
    );
  });

  test('ends what the engine broke off with one error and no stop', () => {
    const { text, ending } = carry(translate(), [Buffer.from(delta('a'))]);
    expect(text.match(/event: error/g)).toHaveLength(1);
    expect(text).not.toContain('message_stop');
    expect(ending).toMatchObject({ fault: { kind: 'engine-died' }, isUntold: false });
  });
});
