// Streams of engines that are not llama-server. Through a gateway: test/gateway/foreign-engines.test.ts.
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { ForeignFrames } from '#src/dialects/chat/foreign-frames.ts';
import { FOREIGN, streamOf, type Told } from '../../gateway/support/foreign-answers.ts';

const notes: string[] = [];
const framesOf = (limitTokens: number | null = null, wantsUsage = false) =>
  new ForeignFrames({
    requestId: 'r1',
    modelId: 'ours',
    createdS: 5,
    limitTokens,
    wantsUsage,
    report: (note) => notes.push(note),
  });

function through(frames: ForeignFrames, ...pieces: readonly (string | Uint8Array)[]): string {
  return pieces.map((piece) => frames.push(Buffer.from(piece))).join('') + frames.end();
}

const TOLD: readonly Told[] = [
  { thinking: ['I ', 'thínk'], text: ['Grüße', ' 👋🏽'], finish: 'stop' },
  { call: { name: 'look', json: '{"at": "日本"}' }, finish: 'tool_calls' },
  { text: ['"', '\\', '\n'], finish: 'length' },
];

test('are the same wherever they are cut', () => {
  for (const engine of FOREIGN) {
    for (const told of TOLD) {
      const bytes = Buffer.from(streamOf(engine, told));
      const whole = through(framesOf(), bytes);
      fc.assert(
        fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (places) => {
          const cuts = [0, ...places.toSorted((a, b) => a - b), bytes.length];
          const pieces = cuts.slice(1).map((end, at) => bytes.subarray(cuts[at], end));
          expect(through(framesOf(), ...pieces)).toBe(whole);
        }),
        { seed: 7, numRuns: 40 },
      );
    }
  }
});

test('without an end get none, and nothing is told behind an error', () => {
  const chunk = `data: ${JSON.stringify({ choices: [{ delta: { content: 'a' } }] })}\n\n`;
  expect(through(framesOf(), chunk)).not.toContain('finish_reason":"');
  const after = through(framesOf(), chunk, 'data: {"error":"broke"}\n\n', chunk, 'data: [DONE]\n\n');
  expect(after).toEndWith('data: {"error":{"message":"broke"}}\n\n');
  expect(after.match(/"content"/g)).toHaveLength(1);
});

test('whose answer says nothing still name the role', () => {
  const last = `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }] })}\n\n`;
  expect(through(framesOf(), last, 'data: [DONE]\n\n')).toContain('"role":"assistant"');
});

test.each<[string, number | null, number, string]>([
  ['stop', 26, 26, 'length'],
  ['stop', 27, 26, 'stop'],
  ['stop', null, 26, 'stop'],
  ['length', null, 26, 'length'],
])('that end with %p under a limit of %p at %p tokens ended with %p', (finish, limit, outputTokens, reason) => {
  const told = through(framesOf(limit), streamOf('mlx-lm', { text: ['a'], finish, outputTokens }));
  expect(told).toContain(`"finish_reason":"${reason}"`);
});

test('of what is no frame of an answer are left out', () => {
  const odd = 'data: [1]\n\ndata: nonsense\n\n: keepalive x/y\n\nevent: ping\ndata: {}\n\n';
  expect(through(framesOf(), odd)).toBe('');
});

test('give counts under OpenAI’s names', () => {
  const usage = { input_tokens: 3, output_tokens: 4 };
  const last = `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }], usage })}\n\n`;
  expect(through(framesOf(null, true), last)).toContain('"usage":{"prompt_tokens":3,"completion_tokens":4}');
});
