// What an engine is sent. Pure; that it really is sent is tested in answer.test.ts.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { engineText, limitChanges, refuseDanger, translatedText } from '#src/gateway/engine-body.ts';
import { parseJsonBody } from '#src/gateway/json-body.ts';

const sent = (text: string, set: object = {}, drop: string[] = []) =>
  engineText(parseJsonBody(text), { set: { ...set }, drop });

describe('the body for the engine', () => {
  test('is the client’s text when nothing differs', () => {
    const text = '{ "model" : "m", "x": 1.0 }';
    expect(sent(text, { model: 'm' })).toBe(text);
  });

  test('says what the changes say, whatever the client’s text was', () => {
    const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant(undefined));
    const body = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 });
    const set = fc.record({ model: fc.string(), return_progress: fc.boolean(), messages: value }, { requiredKeys: [] });
    fc.assert(
      fc.property(
        body,
        set,
        fc.constantFrom<string[]>([], ['model'], ['n_discard']),
        fc.nat(3),
        (client, news, drop, spaces) => {
          const text = `${JSON.stringify(client, null, spaces)} \n`;
          const kept = Object.entries(client).filter(([name]) => !drop.includes(name));
          const defined = Object.entries(news).filter(([, each]) => each !== undefined);
          const expected = JSON.parse(JSON.stringify(Object.fromEntries([...kept, ...defined])));
          expect(JSON.parse(engineText(parseJsonBody(text), { set: Object.fromEntries(defined), drop }))).toEqual(
            expected,
          );
        },
      ),
    );
  });

  test('S-36: lacks what would steer the engine, and keeps what nobody knows', () => {
    const steering = { id_slot: 0, lora: [], n_discard: -1, chat_template: '{{ x }}' };
    const text = JSON.stringify({ ...steering, fancy: { api_base: 'http://evil' }, prompt: 'a' });
    expect(JSON.parse(sent(text))).toEqual({ fancy: { api_base: 'http://evil' }, prompt: 'a' });
    const translated = translatedText({ ...steering, messages: [] }, { stream: true });
    expect(JSON.parse(translated)).toEqual({ messages: [], stream: true });
  });

  test('has the limit under the name that every engine knows', () => {
    expect(limitChanges({ max_completion_tokens: 5 })).toEqual({
      set: { max_tokens: 5 },
      drop: ['max_completion_tokens'],
    });
    expect(limitChanges({ max_completion_tokens: 5, max_tokens: 6 }).set).toEqual({});
    expect(limitChanges({}).drop).toEqual([]);
  });
});

describe('S-34: a dangerous body', () => {
  const withPart = (part: object) => ({ messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }, part] }] });
  const remote = [
    'http://127.0.0.1:3377/api/x',
    'https://x/y.png',
    'file:///etc/passwd',
    '//x/y',
    'http://169.254.1.1/',
    '',
  ];
  for (const url of remote) {
    test(`with an image at ${JSON.stringify(url)} is refused by its path`, () => {
      expect(() => refuseDanger(withPart({ type: 'image_url', image_url: { url } }))).toThrow(
        'messages[0].content[1].image_url',
      );
      expect(() => refuseDanger(withPart({ type: 'image_url', image_url: url }))).toThrow('messages[0]');
      expect(() => refuseDanger(withPart({ type: 'video_url', video_url: { url } }))).toThrow('messages[0]');
    });
  }

  test('with media in it passes', () => {
    refuseDanger(withPart({ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }));
    refuseDanger({ messages: [{ content: 'see http://x' }, null, 5, { content: null }] });
    refuseDanger({ messages: 5 });
  });

  test('with a huge grammar is refused', () => {
    expect(() => refuseDanger({ grammar: 'x'.repeat(70_000) })).toThrow('grammar is 70000 characters');
    expect(() => refuseDanger({ json_schema: { x: 'y'.repeat(70_000) } })).toThrow('json_schema');
  });
});
