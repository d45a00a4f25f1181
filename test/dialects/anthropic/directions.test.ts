// Each kind of block and each kind of tool that Anthropic's types know, in both directions: what a request block is to
// a local model, what an event of the model is to the client, and that what went out comes back as it was. Fields of
// single blocks: request.test.ts; the order of blocks in a stream: encode.test.ts.
import { describe, expect, test } from 'bun:test';
import { anthropic } from '#src/dialects/anthropic/anthropic.ts';
import { readRequest } from '#src/dialects/anthropic/request.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import type { JsonObject } from '#src/json.ts';
import {
  collected,
  encoded,
  finish,
  head,
  prompt,
  text,
  thinking,
  toolArguments,
  toolStart,
  usage,
} from './answers.ts';
import { framesOf } from './stream-rules.ts';

const hello = { role: 'user', content: 'hello' };
const words = (spoken: string) => ({ type: 'text', text: spoken });
const read = (body: JsonObject) => readRequest({ messages: [hello], ...body });
const leftOut = (type: string) => [`a block of type ${type} was left out: its tool runs at Anthropic only`];
const PDF = 'a PDF document was left out: a local model cannot read it, a tool such as pdftotext can';
const call = (id: string, name: string, json: string) => ({
  id,
  type: 'function',
  function: { name, arguments: json },
});

/** What an assistant's turn of nothing but this block becomes; none = the turn goes. */
const assistantBlocks: readonly { block: object; message?: object; notes?: readonly string[] }[] = [
  { block: words('a'), message: { content: [words('a')] } },
  {
    block: { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
    message: { content: [], reasoning_content: 'hm' },
  },
  {
    block: { type: 'redacted_thinking', data: 'x' },
    notes: ['redacted thinking was left out: only Anthropic can read it'],
  },
  {
    block: { type: 'tool_use', id: 'toolu_1', name: 'f', input: { a: 1 } },
    message: { content: [], tool_calls: [call('1', 'f', '{"a":1}')] },
  },
  { block: { type: 'compaction', content: 'so far' }, message: { content: [words('so far')] } },
  { block: { type: 'tool_search_tool_result', tool_use_id: 's', content: { tool_references: [] } } },
  ...[
    'server_tool_use',
    'web_search_tool_result',
    'web_fetch_tool_result',
    'advisor_tool_result',
    'code_execution_tool_result',
    'bash_code_execution_tool_result',
    'text_editor_code_execution_tool_result',
    'mcp_tool_use',
    'mcp_tool_result',
    'mcp_tool_listing',
    'container_upload',
  ].map((type) => ({ block: { type, id: 's', name: 'n', input: {}, content: [] }, notes: leftOut(type) })),
  {
    block: { type: 'fallback', from: { model: 'a' }, to: { model: 'b' } },
    notes: ['a block of type fallback was left out: it means nothing to a local model'],
  },
];

describe('a block of the assistant', () => {
  for (const { block, message, notes } of assistantBlocks) {
    test(`${(block as { type: string }).type}`, () => {
      const { request, notes: said } = read({ messages: [hello, { role: 'assistant', content: [block] }, hello] });
      const between = request.messages.slice(1, -1) as unknown as object[];
      expect(between).toEqual(message ? [{ role: 'assistant', ...message }] : []);
      expect(said).toEqual(notes ?? []);
    });
  }
});

const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'QUJD' } };
const imagePart = { type: 'image_url', image_url: { url: 'data:image/png;base64,QUJD' } };

/** Blocks with something to read: the same in the words of the user, in a tool's result and in system text. */
const readBlocks: readonly { block: object; parts: readonly object[]; notes?: readonly string[] }[] = [
  { block: { ...words('a'), cache_control: { type: 'ephemeral' }, citations: [] }, parts: [words('a')] },
  { block: image, parts: [imagePart] },
  {
    block: { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'd' } },
    parts: [words('<document>'), words('d'), words('</document>')],
  },
  {
    block: { type: 'document', title: 't', source: { type: 'content', content: [words('d'), image] } },
    parts: [words('<document title="t">'), words('d'), imagePart, words('</document>')],
  },
  {
    block: { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' } },
    parts: [words('[PDF omitted. Its text can be read with a tool such as pdftotext.]')],
    notes: [PDF],
  },
  {
    block: { type: 'search_result', title: 'T', source: 'S', content: [words('found')], citations: { enabled: true } },
    parts: [words('[T](S)'), words('found')],
  },
  { block: { type: 'tool_reference', tool_name: 'W' }, parts: [words('Tool W is now available.')] },
];

describe('a block to read', () => {
  for (const { block, parts, notes } of readBlocks) {
    const name = `${(block as { type: string }).type} ${JSON.stringify(block).slice(0, 60)}`;

    test(`from the user: ${name}`, () => {
      const { request, notes: said } = read({ messages: [{ role: 'user', content: [block] }] });
      expect(request.messages as unknown as object[]).toEqual([{ role: 'user', content: [...parts] }]);
      expect(said).toEqual(notes ?? []);
    });

    test(`in a tool's result: ${name}`, () => {
      const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: [block] };
      const { request, notes: said } = read({ messages: [{ role: 'user', content: [result] }] });
      expect(request.messages as unknown as object[]).toEqual([
        { role: 'tool', tool_call_id: '1', content: [...parts] },
      ]);
      expect(said).toEqual(notes ?? []);
    });

    test(`in late system text: ${name}`, () => {
      const { request } = read({ messages: [hello, { role: 'system', content: [block] }] });
      expect(request.messages[1] as unknown as object).toEqual({ role: 'system', content: [...parts] });
    });
  }
});

const schema = { type: 'object', properties: { a: { type: 'string' } } };
const at = (name: string, type: string) => [`the tool ${name} was left out: ${type} runs at Anthropic only`];
const trained = (name: string) => [`the tool ${name} was left out: only models trained on it can use it`];

/** Every kind of tool: the functions that a model is offered for it, with the names of their arguments. */
const tools: readonly {
  tool: object;
  offered: Readonly<Record<string, readonly string[]>>;
  notes?: readonly string[];
}[] = [
  { tool: { name: 'f', input_schema: schema }, offered: { f: ['a'] } },
  { tool: { type: 'custom', name: 'f', description: 'd', input_schema: schema }, offered: { f: ['a'] } },
  { tool: { type: 'of_the_future', name: 'f', input_schema: schema }, offered: { f: ['a'] } },
  { tool: { name: 'f', input_schema: { properties: { a: {} } } }, offered: { f: ['a'] } },
  { tool: { name: 'f', input_schema: {} }, offered: { f: [] } },
  { tool: { name: 'f', input_schema: null }, offered: { f: [] } },
  { tool: { type: 'bash_20250124', name: 'bash' }, offered: { bash: ['command', 'restart'] } },
  {
    tool: { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool', max_characters: 9 },
    offered: {
      str_replace_based_edit_tool: [
        'command',
        'path',
        'view_range',
        'file_text',
        'old_str',
        'new_str',
        'insert_line',
        'insert_text',
      ],
    },
  },
  {
    tool: { type: 'text_editor_20241022', name: 'str_replace_editor' },
    offered: {
      str_replace_editor: ['command', 'path', 'view_range', 'file_text', 'old_str', 'new_str', 'insert_line'],
    },
  },
  {
    tool: { type: 'memory_20250818', name: 'memory' },
    offered: {
      memory: [
        'command',
        'path',
        'view_range',
        'file_text',
        'old_str',
        'new_str',
        'insert_line',
        'insert_text',
        'old_path',
        'new_path',
      ],
    },
  },
  {
    tool: { type: 'web_search_20250305', name: 'web_search', max_uses: 8 },
    offered: {},
    notes: at('web_search', 'web_search_20250305'),
  },
  {
    tool: { type: 'web_fetch_20260318', name: 'web_fetch' },
    offered: {},
    notes: at('web_fetch', 'web_fetch_20260318'),
  },
  {
    tool: { type: 'code_execution_20250825', name: 'code_execution' },
    offered: {},
    notes: at('code_execution', 'code_execution_20250825'),
  },
  {
    tool: { type: 'advisor_20260301', name: 'advisor', model: 'm' },
    offered: {},
    notes: at('advisor', 'advisor_20260301'),
  },
  { tool: { type: 'mcp_toolset', mcp_server_name: 'docs' }, offered: {}, notes: at('docs', 'mcp_toolset') },
  { tool: { type: 'computer_20251124', name: 'computer' }, offered: {}, notes: trained('computer') },
  { tool: { type: 'computer_toolset_20260801' }, offered: {}, notes: trained('computer_toolset_20260801') },
  { tool: { type: 'browser_toolset_20260801' }, offered: {}, notes: trained('browser_toolset_20260801') },
];

const offeredBy = (body: JsonObject) => {
  const { request, notes } = read(body);
  const offered = (request.tools ?? []).map(({ function: { name, parameters } }) => [
    name,
    Object.keys((parameters as { properties?: object }).properties ?? {}),
  ]);
  return { offered: Object.fromEntries(offered), notes, tools: request.tools ?? [] };
};

describe('a tool', () => {
  for (const { tool, offered, notes } of tools) {
    test(JSON.stringify(tool).slice(0, 90), () => {
      const found = offeredBy({ tools: [tool] });
      expect(found.offered as unknown).toEqual(offered);
      expect(found.notes).toEqual(notes ?? []);
      for (const each of found.tools) expect(each.function.parameters as unknown).toMatchObject({ type: 'object' });
    });
  }

  const deferred = { name: 'late', input_schema: schema, defer_loading: true };
  const found = (name: string) => ({
    role: 'assistant',
    content: [
      {
        type: 'tool_search_tool_result',
        tool_use_id: 's',
        content: {
          type: 'tool_search_tool_search_result',
          tool_references: [{ type: 'tool_reference', tool_name: name }],
        },
      },
    ],
  });

  test('that Anthropic would search for is offered at once', () => {
    const { offered, notes } = offeredBy({
      tools: [{ type: 'tool_search_tool_bm25_20251119', name: 'tool_search_tool_bm25' }, deferred],
    });
    expect(Object.keys(offered)).toEqual(['late']);
    expect(notes).toEqual(['the tool tool_search_tool_bm25 was left out, and all deferred tools are offered instead']);
  });

  test('that a search at Anthropic had found stays offered', () => {
    expect(Object.keys(offeredBy({ tools: [deferred], messages: [hello, found('late'), hello] }).offered)).toEqual([
      'late',
    ]);
  });

  test('that the conversation takes away is gone, until it comes back', () => {
    const change = (type: string) => ({
      role: 'system',
      content: [{ type, tool: { type: 'tool_reference', name: 'f' } }],
    });
    const body = (...types: string[]) => ({
      tools: [{ name: 'f', input_schema: schema }],
      messages: [hello, ...types.map(change)],
    });
    expect(Object.keys(offeredBy(body('tool_removal')).offered)).toEqual([]);
    expect(Object.keys(offeredBy(body('tool_removal', 'tool_addition')).offered)).toEqual(['f']);
    const compaction = { type: 'compaction', content: 'c', tool_changes: change('tool_removal').content };
    expect(
      Object.keys(offeredBy({ ...body(), messages: [{ role: 'assistant', content: [compaction] }, hello] }).offered),
    ).toEqual([]);
  });
});

describe('edits of the conversation', () => {
  test('that only Anthropic makes are noted, the clearing of thoughts is as good as done', () => {
    const edits = [{ type: 'clear_thinking_20251015', keep: 'all' }, { type: 'clear_tool_uses_20250919' }];
    expect(read({ context_management: { edits } }).notes).toEqual([
      'context_management clear_tool_uses_20250919 was left out: Flow changes no conversation by itself',
    ]);
  });
});

/** What the model says, as blocks of the answer, and as the history that the client sends in its next turn. */
const answers: readonly { name: string; events: readonly StreamEvent[]; types: readonly string[]; back: object }[] = [
  { name: 'text', events: [text('a'), text('b')], types: ['text'], back: { content: [words('ab')] } },
  {
    name: 'a thought, then text',
    events: [thinking('hm'), text('a')],
    types: ['thinking', 'text'],
    back: { content: [words('a')], reasoning_content: 'hm' },
  },
  {
    name: 'thoughts between texts',
    events: [thinking('one'), text('a'), thinking('two'), text('b')],
    types: ['thinking', 'text', 'thinking', 'text'],
    back: { content: [words('a'), words('b')], reasoning_content: 'one\ntwo' },
  },
  {
    name: 'a call without arguments',
    events: [toolStart(0, 'f')],
    types: ['tool_use'],
    back: { content: [], tool_calls: [call('id-0', 'f', '{}')] },
  },
  {
    name: 'parallel calls that interleave, after text',
    events: [
      text('a'),
      toolStart(0, 'f'),
      toolStart(1, 'g'),
      toolArguments(1, '{"b":'),
      toolArguments(0, '{"a":1}'),
      toolArguments(1, '2}'),
    ],
    types: ['text', 'tool_use', 'tool_use'],
    back: { content: [words('a')], tool_calls: [call('id-0', 'f', '{"a":1}'), call('id-1', 'g', '{"b":2}')] },
  },
];

describe('an answer', () => {
  for (const { name, events, types, back } of answers) {
    test(`of ${name} comes back as it went`, () => {
      const all = [prompt, ...events, usage, finish];
      const message = collected(all) as { content: { type: string }[] };
      expect(message.content.map((block) => block.type)).toEqual([...types]);
      const starts = framesOf(encoded(all)).filter(({ event }) => event === 'content_block_start');
      expect(starts.map(({ data }) => (data.content_block as { type: string }).type)).toEqual([...types]);
      const { request } = read({ messages: [hello, { role: 'assistant', content: message.content }, hello] });
      expect(request.messages[1] as unknown as object).toEqual({ role: 'assistant', ...back });
    });
  }

  const stopped: StreamEvent = { type: 'finish', reason: 'stop', stopSequence: '</block>' };
  test('names the stop sequence that it met, when it is one of the request', () => {
    for (const [stops, reason, named] of [
      [['</block>'], 'stop_sequence', '</block>'],
      [['END'], 'end_turn', null],
      [[], 'end_turn', null],
    ] as const) {
      const reading = anthropic.read({ messages: [hello], stop_sequences: [...stops] });
      const collector = reading.collector(head);
      for (const event of [prompt, text('a'), stopped]) collector.push(event);
      expect(collector.result()).toMatchObject({ stop_reason: reason, stop_sequence: named });
      const encoder = reading.encoder(head);
      const stream = [prompt, text('a'), stopped].map((event) => encoder.push(event)).join('') + encoder.end();
      const delta = framesOf(stream).find(({ event }) => event === 'message_delta')?.data.delta;
      expect(delta).toEqual({ stop_reason: reason, stop_sequence: named });
    }
  });
});
