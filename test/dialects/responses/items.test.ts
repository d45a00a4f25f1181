// Each kind of input item and of content part, as the message that the model gets.
import { describe, expect, test } from 'bun:test';
import { readRequest } from '#src/dialects/responses/request.ts';
import type { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import { mapMemory } from '#test/support/map-memory.ts';

const read = (input: unknown, body: JsonObject = {}, memory = mapMemory()) => readRequest({ input, ...body }, memory);
const text = (words: string) => ({ type: 'text', text: words });
const user = { role: 'user', content: 'go on' };
const PIXEL = 'data:image/png;base64,iVBORw0KGgo=';

function faultOf(act: () => unknown): Fault {
  try {
    act();
  } catch (cause) {
    return cause as Fault;
  }
  throw new Error('nothing was refused');
}

describe('messages', () => {
  test.each([
    ['a text', 'Hello', [{ role: 'user', content: [text('Hello')] }]],
    ['an empty text: the warm-up of Codex', '', [{ role: 'user', content: [text('')] }]],
    ['the short form', [{ role: 'user', content: 'Hello' }], [{ role: 'user', content: [text('Hello')] }]],
    [
      'the long form',
      [{ type: 'message', id: 'msg_1', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] }],
      [{ role: 'user', content: [text('Hello')] }],
    ],
    [
      'system and developer',
      [{ role: 'system', content: 'a' }, { role: 'developer', content: 'b' }, user],
      [
        { role: 'system', content: [text('a')] },
        { role: 'developer', content: [text('b')] },
        { role: 'user', content: [text('go on')] },
      ],
    ],
    [
      'an answer without type and id, as opencode sends it',
      [{ role: 'assistant', content: [{ type: 'output_text', text: 'Hi.' }] }],
      [{ role: 'assistant', content: [text('Hi.')] }],
    ],
    [
      'a refusal',
      [{ type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] }],
      [{ role: 'assistant', content: [text('No.')] }],
    ],
  ])('%s', (_what, input, messages) => {
    expect(read(input).request.messages).toEqual(messages as never);
  });

  test('instructions come first, also before the conversation that is gone on with', () => {
    const { request } = read('Hello', { instructions: 'Be brief.' });
    expect(request.messages).toEqual([
      { role: 'system', content: [text('Be brief.')] },
      { role: 'user', content: [text('Hello')] },
    ]);
  });
});

describe('content parts', () => {
  const partOf = (part: JsonObject) => {
    const { request, notes } = read([{ role: 'user', content: [part] }]);
    return { content: request.messages[0]?.content, notes };
  };

  test.each([
    ['input_image', { type: 'input_image', image_url: PIXEL, detail: 'high' }],
    ['image_url, as chat has it', { type: 'image_url', image_url: { url: PIXEL } }],
    ['computer_screenshot', { type: 'computer_screenshot', image_url: PIXEL }],
  ])('%s', (_what, part) => {
    expect(partOf(part).content).toEqual([{ type: 'image_url', image_url: { url: PIXEL } }]);
  });

  test.each([
    ['input_text', { type: 'input_text', text: 'a' }],
    ['output_text', { type: 'output_text', text: 'a', annotations: [] }],
    ['summary_text', { type: 'summary_text', text: 'a' }],
    ['text', { type: 'text', text: 'a' }],
  ])('%s', (_what, part) => {
    expect(partOf(part).content).toEqual([text('a')]);
  });

  test('the text of a text file', () => {
    const data = Buffer.from('Grüße').toString('base64');
    const file = { type: 'input_file', filename: 'a "b".txt', file_data: `data:text/plain;base64,${data}` };
    expect(partOf(file).content).toEqual([text('<document title="a &quot;b&quot;.txt">\nGrüße\n</document>')]);
    expect(partOf({ type: 'input_file', filename: 'a.md', file_data: data }).content).toEqual([
      text('<document title="a.md">\nGrüße\n</document>'),
    ]);
  });

  test('a PDF leaves a note in its place', () => {
    const { content, notes } = partOf({
      type: 'input_file',
      filename: 'a.pdf',
      file_data: 'data:application/pdf;base64,JVBERi0=',
    });
    expect(content).toEqual([text('[file omitted: a.pdf]')]);
    expect(notes).toHaveLength(1);
  });

  test('audio goes to the engine as it is', () => {
    const part = { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } };
    expect(partOf(part).content).toEqual([part]);
  });

  test('an unknown part is left out and said so', () => {
    expect(partOf({ type: 'hologram' })).toEqual({
      content: [],
      notes: ['a part of type hologram was left out: it means nothing to a local model'],
    });
  });

  test.each([
    ['an uploaded image', { type: 'input_image', file_id: 'file_1' }, 'input[0].content[0].image_url'],
    [
      'an image in the network',
      { type: 'input_image', image_url: 'https://a.example/b.png' },
      'input[0].content[0].image_url',
    ],
    ['an uploaded file', { type: 'input_file', file_id: 'file_1' }, 'input[0].content[0].file_data'],
    ['a file in the network', { type: 'input_file', file_url: 'https://a.example/b' }, 'input[0].content[0].file_data'],
    ['a text without text', { type: 'input_text' }, 'input[0].content[0].text'],
  ])('%s is refused, and the place is named', (_what, part, path) => {
    const fault = faultOf(() => partOf(part));
    expect(fault.status).toBe(400);
    expect(fault.message).toStartWith(`${path}: `);
  });
});

describe('an assistant’s turn', () => {
  test('thought, words and calls are one message; results follow', () => {
    const { request } = read([
      user,
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm.' }], encrypted_content: null },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I will.' }] },
      { type: 'function_call', call_id: 'c1', name: 'run', arguments: '{"a":1}' },
      { type: 'custom_tool_call', call_id: 'c2', name: 'patch', input: 'raw "text"' },
      { type: 'function_call_output', call_id: 'c1', output: 'done' },
      { type: 'custom_tool_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'ok' }] },
    ]);
    expect(request.messages.slice(1)).toEqual([
      {
        role: 'assistant',
        content: [text('I will.')],
        reasoning_content: 'Hm.',
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'run', arguments: '{"a":1}' } },
          { id: 'c2', type: 'function', function: { name: 'patch', arguments: '{"input":"raw \\"text\\""}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'c1', content: [text('done')] },
      { role: 'tool', tool_call_id: 'c2', content: [text('ok')] },
    ]);
  });

  test('thoughts that are shown win over their summary', () => {
    const { request } = read([
      {
        type: 'reasoning',
        summary: [{ type: 'summary_text', text: 'short' }],
        content: [{ type: 'reasoning_text', text: 'long' }],
      },
      { role: 'assistant', content: 'a' },
    ]);
    expect(request.messages[0]?.reasoning_content).toBe('long');
  });

  test('a thought that led to nothing is no turn', () => {
    const thought = { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }] };
    expect(read([user, thought, user]).request.messages.map(({ role }) => role)).toEqual(['user', 'user']);
  });

  test('a call into a namespace has the name that the model knows', () => {
    const call = { type: 'function_call', call_id: 'c', namespace: 'agents', name: 'close', arguments: '' };
    expect(read([call]).request.messages[0]?.tool_calls?.[0]?.function).toEqual({
      name: 'agents__close',
      arguments: '{}',
    });
  });

  test('arguments that are no JSON become an object: templates parse them', () => {
    const call = { type: 'function_call', call_id: 'c', name: 'run', arguments: '{"a":' };
    expect(read([call]).request.messages[0]?.tool_calls?.[0]?.function.arguments).toBe('{"input":"{\\"a\\":"}');
  });

  test('images in a result stay parts of it', () => {
    const output = [{ type: 'input_image', image_url: PIXEL }];
    expect(read([{ type: 'function_call_output', call_id: 'c', output }]).request.messages[0]?.content).toEqual([
      { type: 'image_url', image_url: { url: PIXEL } },
    ]);
  });
});

describe('items of other tools', () => {
  const calls: readonly [type: string, item: JsonObject, name: string, json: string][] = [
    [
      'local_shell_call',
      { action: { type: 'exec', command: ['ls'] } },
      'local_shell',
      '{"type":"exec","command":["ls"]}',
    ],
    ['shell_call', { action: { commands: ['ls'] } }, 'shell', '{"commands":["ls"]}'],
    [
      'apply_patch_call',
      { operation: { type: 'delete_file', path: 'a' } },
      'apply_patch',
      '{"type":"delete_file","path":"a"}',
    ],
    ['computer_call', { action: { type: 'screenshot' } }, 'computer', '{"type":"screenshot"}'],
    ['computer_call', { actions: [{ type: 'wait' }] }, 'computer', '{"actions":[{"type":"wait"}]}'],
    ['tool_search_call', { arguments: { query: 'x' } }, 'tool_search', '{"query":"x"}'],
  ];
  test.each(calls)('%s is a call', (type, item, name, json) => {
    const [message] = read([{ type, call_id: 'c', ...item }]).request.messages;
    expect(message?.tool_calls).toEqual([{ id: 'c', type: 'function', function: { name, arguments: json } }]);
  });

  test.each([
    ['local_shell_call_output', { id: 'c', output: 'done' }, [text('done')]],
    ['shell_call_output', { call_id: 'c', output: [{ stdout: 'a' }] }, [text('[{"stdout":"a"}]')]],
    ['apply_patch_call_output', { call_id: 'c', output: 'done' }, [text('done')]],
    [
      'computer_call_output',
      { call_id: 'c', output: { type: 'computer_screenshot', image_url: PIXEL } },
      [{ type: 'image_url', image_url: { url: PIXEL } }],
    ],
  ])('%s is a result', (type, item, content) => {
    expect(read([{ type, ...item }]).request.messages).toEqual([{ role: 'tool', tool_call_id: 'c', content }] as never);
  });

  test.each([
    [
      'mcp_call',
      { id: 'm', name: 'search', server_label: 's', arguments: '{"q":1}', output: 'found' },
      'search',
      '{"q":1}',
      'found',
    ],
    ['code_interpreter_call', { id: 'm', code: '1+1', outputs: null }, 'code_interpreter', '{"code":"1+1"}', 'null'],
    [
      'file_search_call',
      { id: 'm', queries: ['a'], results: [{ text: 'b' }] },
      'file_search',
      '{"queries":["a"]}',
      '[{"text":"b"}]',
    ],
  ])('%s is a call with its result', (type, item, name, json, result) => {
    const [call, answer] = read([{ type, ...item }]).request.messages;
    expect(call?.tool_calls?.[0]?.function).toEqual({ name, arguments: json });
    expect(answer).toEqual({ role: 'tool', tool_call_id: 'm', content: [text(result)] });
  });

  test.each([
    'web_search_call',
    'image_generation_call',
    'mcp_list_tools',
    'mcp_approval_request',
    'mcp_approval_response',
    'compaction',
    'compaction_trigger',
    'configuration_update',
    'program',
    'program_output',
    'something_new',
  ])('%s is left out and said so', (type) => {
    const { request, notes } = read([{ type, id: 'x' }, user]);
    expect(request.messages).toHaveLength(1);
    expect(notes).toHaveLength(1);
  });

  test('additional tools and found tools join the tools, at the end', () => {
    const tool = (name: string) => ({ type: 'function', name, parameters: {} });
    const { request } = read(
      [
        { type: 'additional_tools', role: 'developer', tools: [tool('b')] },
        { type: 'tool_search_call', call_id: 's', arguments: {} },
        { type: 'tool_search_output', call_id: 's', tools: [tool('c')] },
        user,
      ],
      { tools: [tool('a')] },
    );
    expect(request.tools?.map((each) => each.function.name)).toEqual(['a', 'b', 'c']);
    expect(request.messages[1]).toEqual({
      role: 'tool',
      tool_call_id: 's',
      content: [text('Tool c is now available.')],
    });
  });
});

describe('what was before', () => {
  const memory = mapMemory();
  const message = { type: 'message', id: 'msg_a_i0', role: 'user', content: 'first' };
  const cut = { type: 'function_call', id: 'fc_a_1', status: 'incomplete', call_id: 'c', name: 'f', arguments: '{' };
  const said = {
    type: 'message',
    id: 'msg_a_0',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'one' }],
  };
  const keep = (id: string, previousId: string | null, input: JsonObject[], output: JsonObject[]) =>
    memory.keep({ id, previousId, createdS: 0, input, response: { id, output }, owner: null }, { isLasting: false });
  keep('resp_a', null, [message], [said, cut]);
  keep('resp_b', 'resp_a', [{ ...message, id: 'msg_b_i0', content: 'second' }], []);
  keep('resp_d', 'resp_lost', [message], []);

  test('previous_response_id brings the whole chain back, without calls that were cut off', () => {
    const { request } = read('third', { previous_response_id: 'resp_b', instructions: 'New.' }, memory);
    expect(
      request.messages.map(({ role, content }) => [role, (content as unknown as { text: string }[])[0]?.text]),
    ).toEqual([
      ['system', 'New.'],
      ['user', 'first'],
      ['assistant', 'one'],
      ['user', 'second'],
      ['user', 'third'],
    ]);
  });

  test('an unknown one is refused in OpenAI’s words', () => {
    for (const [id, lost] of [
      ['resp_x', 'resp_x'],
      ['resp_d', 'resp_lost'],
    ] as const) {
      const fault = faultOf(() => read('x', { previous_response_id: id }, memory));
      expect(fault.message).toBe(`Previous response with id '${lost}' not found.`);
      expect(fault.details).toEqual({ param: 'previous_response_id', code: 'previous_response_not_found' });
      expect(fault.status).toBe(400);
    }
  });

  test('references find items that were answered, sent, or are in the same list', () => {
    for (const id of ['msg_a_0', 'msg_a_i0']) {
      expect(read([{ type: 'item_reference', id }], {}, memory).request.messages).toHaveLength(1);
      expect(read([{ id }], {}, memory).request.messages).toHaveLength(1);
    }
    const own = [
      { ...message, id: 'mine' },
      { type: 'item_reference', id: 'mine' },
    ];
    expect(read(own, {}, memory).request.messages).toHaveLength(2);
  });

  test('a reference to nothing is refused', () => {
    const fault = faultOf(() => read([{ type: 'item_reference', id: 'msg_zz_0' }], {}, memory));
    expect(fault.message).toBe("Item with id 'msg_zz_0' not found.");
    expect(fault.status).toBe(404);
  });
});

describe('what cannot be read', () => {
  test.each([
    ['no input', {}, 'input'],
    ['an empty list', { input: [] }, 'input'],
    ['input of another type', { input: 5 }, 'input'],
    ['an item that is none', { input: ['x'] }, 'input[0]'],
    ['an item without type', { input: [{}] }, 'input[0].type'],
    ['another role', { input: [{ role: 'robot', content: 'x' }] }, 'input[0].role'],
    ['a call without a name', { input: [{ type: 'function_call', call_id: 'c' }] }, 'input[0].name'],
    ['a call without an id', { input: [{ type: 'function_call', name: 'f' }] }, 'input[0].call_id'],
    ['content of another type', { input: [{ role: 'user', content: 5 }] }, 'input[0].content'],
  ])('%s names the place', (_what, body, path) => {
    const fault = faultOf(() => readRequest(body, mapMemory()));
    expect(fault.status).toBe(400);
    expect(fault.details.path).toBe(path);
  });
});
