/** The demo model: made on the spot, it answers, thinks, streams and calls tools, and says what it is. */
import { ScriptBook } from './demo-script.ts';
import { DEMO_TEMPLATE } from './demo-template.ts';
import { promptPieces } from './prompt-pieces.ts';
import { SMALL_SHAPE, writeScriptedWeights } from './scripted-weights.ts';

/** Id and file name (without `.gguf`) of the demo. */
export const DEMO_ID = 'flow-demo';

/** llama-server's grammar for tool calls starts at exactly this text; from there it forces a call that is valid. */
const CALL_OPENING = '<tool_call>\n';

const PLAIN = `Hello! This is the demo of Flow, not a real model: whatever you ask, these sentences are all it knows. \
Still, everything around them is real, from the engine that started for you to the stream you are reading. \
Register a model of your own whenever you like, and ask again.`;

const THOUGHT = `<think>
Somebody wants to see a thought. A script cannot have one, so it shows where thoughts go instead.
</think>

`;

const THINK = `${THOUGHT}Done thinking. As Flow's demo I only pretend, \
but a real model's reasoning arrives by exactly this way.`;

const AFTER_TOOL = `Your tool has answered, and its result has reached me. Being a scripted demo, I cannot use it: \
but the whole round trip of a tool call through Flow works.`;

const LONG = `Counting without end, because somebody asked for something long: one, two, three, four, five, six, \
seven, eight, nine, ten, eleven, twelve; then all over again, until you press stop or reach max_tokens. `;

/** Tells one edition of the demo from another: a newer Flow's demo may say something else. */
export function demoEdition(): string {
  const words = [DEMO_TEMPLATE, PLAIN, THINK, AFTER_TOOL, LONG, CALL_OPENING, ...promptPieces()];
  return new Bun.CryptoHasher('sha256').update(words.join('\n')).digest('hex').slice(0, 16);
}

/** Writes the demo model to `path`; the file is whole or absent. */
export async function makeDemoModel(path: string): Promise<void> {
  const book = new ScriptBook(['<tool_call>']);
  book.script('plain', PLAIN, 'stop', true);
  book.script('think', THINK);
  book.script('call', CALL_OPENING);
  book.script('think_call', `${THOUGHT}${CALL_OPENING}`);
  book.script('after_tool', AFTER_TOOL);
  book.script('long', LONG, 'repeat');
  await writeScriptedWeights(path, {
    name: 'Flow Demo',
    description: 'A scripted demo of Flow, not a real language model',
    template: DEMO_TEMPLATE,
    shape: SMALL_SHAPE,
    ...book.finish(),
  });
}
