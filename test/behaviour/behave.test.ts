// What a behaviour makes of a request's body: each rule by itself. That engines obey: e2e/behaviour.test.ts.
import { describe, expect, test } from 'bun:test';
import { type Behaved, behave, behaveSampling } from '#src/behaviour/behave.ts';
import type { JsonObject } from '#src/json.ts';
import type { Behaviour } from '#src/models/behaviour.ts';
import { detectTraits, type ModelTraits } from '#src/models/traits.ts';

const PLAIN: ModelTraits = {
  ...detectTraits({ architecture: null, name: 'm', hfId: null, chatTemplate: null }),
  thinks: false,
  thinkingSwitches: [],
  readsEffort: false,
  callFormat: null,
};
const QWEN: ModelTraits = { ...PLAIN, thinks: true, thinkingSwitches: ['enable_thinking'] };
const DEEPSEEK: ModelTraits = { ...PLAIN, thinks: true, thinkingSwitches: ['thinking'] };
const GPT_OSS: ModelTraits = { ...PLAIN, thinks: true, readsEffort: true, callFormat: 'harmony' };
const R1: ModelTraits = { ...PLAIN, thinks: true };

const act = (body: JsonObject, behaviour: Behaviour = {}, traits = PLAIN, more: object = {}): Behaved =>
  behave(body, { behaviour, traits, ...more });

/** Without the room for thinking, which has tests of its own. */
const bare = (body: JsonObject, behaviour: Behaviour = {}, traits = PLAIN) => {
  const { set, drop } = act(body, { ...behaviour, repairs: { thinking_room: false } }, traits);
  return { set, drop };
};

type Case = [what: string, body: JsonObject, behaviour: Behaviour, set: JsonObject, drop?: string[]];

describe('sampling', () => {
  const CASES: Case[] = [
    ['nothing chosen changes nothing', { temperature: 1, top_p: 0.5 }, {}, {}],
    ['a default fills what the caller left out', {}, { temperature: 0.6, top_k: 20 }, { temperature: 0.6, top_k: 20 }],
    ['the caller wins over a default', { temperature: 1 }, { temperature: 0.6 }, {}],
    ['a caller who gives 0 has given something', { temperature: 0 }, { temperature: 0.6 }, {}],
    ['a caller who gives null has given nothing', { temperature: null }, { temperature: 0.6 }, { temperature: 0.6 }],
    ['forced wins over the caller', { temperature: 1 }, { forced: { temperature: 0.2 } }, { temperature: 0.2 }],
    ['forced wins over the default', {}, { temperature: 1, forced: { temperature: 0.2 } }, { temperature: 0.2 }],
    ['any parameter can be forced', {}, { forced: { dry_multiplier: 0.8 } }, { dry_multiplier: 0.8 }],
    ['stripped is gone', { top_p: 1, seed: 3 }, { stripped: ['top_p', 'seed'] }, {}, ['top_p', 'seed']],
    ['what is not there is not stripped', {}, { stripped: ['top_p'] }, {}],
    [
      'a default takes the place of what is stripped',
      { temperature: 1 },
      { stripped: ['temperature'], temperature: 0.6 },
      { temperature: 0.6 },
    ],
    ['a repetition penalty has the engine’s name', {}, { repetition_penalty: 1.1 }, { repeat_penalty: 1.1 }],
    ['a caller’s repetition penalty is told as well', { repetition_penalty: 1.2 }, {}, { repeat_penalty: 1.2 }],
    ['the engine’s own name counts as given', { repeat_penalty: 1.3 }, { repetition_penalty: 1.1 }, {}],
    [
      'forcing one name takes the other away',
      { repetition_penalty: 1.5 },
      { forced: { repetition_penalty: 1.1 } },
      { repeat_penalty: 1.1 },
      ['repetition_penalty'],
    ],
    [
      'stripping one name takes both away',
      { repeat_penalty: 1.5, repetition_penalty: 1.5 },
      { stripped: ['repetition_penalty'] },
      {},
      ['repeat_penalty', 'repetition_penalty'],
    ],
    ['a limit is a default like others', {}, { max_tokens: 900 }, { max_tokens: 900 }],
    ['a limit of any name counts as given', { n_predict: 5 }, { max_tokens: 900 }, {}],
    ['gateway fields are never forced', { model: 'a' }, { forced: { model: 'b', stream: true } }, {}],
    ['gateway fields are never stripped', { messages: [] }, { stripped: ['messages', 'stream'] }, {}],
  ];
  test.each(CASES)('%s', (_what, body, behaviour, set, drop = []) => {
    expect(bare(body, behaviour)).toEqual({ set, drop });
    expect(behaveSampling(body, behaviour)).toEqual({ set, drop });
  });
});

describe('thinking', () => {
  const kwargs = (more: JsonObject) => ({ chat_template_kwargs: more });
  const CASES: [what: string, traits: ModelTraits, body: JsonObject, behaviour: Behaviour, set: JsonObject][] = [
    ['words for the template are sent at the top level', PLAIN, {}, kwargs({ a: 1 }), kwargs({ a: 1 })],
    ['the caller’s words win', PLAIN, kwargs({ a: 2 }), kwargs({ a: 1, b: 1 }), kwargs({ a: 2, b: 1 })],
    ['forced words win over the caller’s', PLAIN, kwargs({ a: 2 }), { forced: kwargs({ a: 3 }) }, kwargs({ a: 3 })],
    ['off is told in the template’s word', DEEPSEEK, {}, { enable_thinking: false }, kwargs({ thinking: false })],
    ['on is told too', QWEN, {}, { enable_thinking: true }, kwargs({ enable_thinking: true })],
    ['the caller’s switch wins', QWEN, kwargs({ enable_thinking: true }), { enable_thinking: false }, {}],
    [
      'a forced switch wins over the caller’s, in both words',
      QWEN,
      kwargs({ enable_thinking: true, thinking: true }),
      { forced: { enable_thinking: false } },
      kwargs({ enable_thinking: false, thinking: false }),
    ],
    [
      'a switch in another template’s word is translated',
      DEEPSEEK,
      kwargs({ enable_thinking: true }),
      {},
      kwargs({ enable_thinking: true, thinking: true }),
    ],
    ['effort none is off', QWEN, { reasoning_effort: 'none' }, {}, kwargs({ enable_thinking: false })],
    [
      'an effort turns on what is off by itself',
      DEEPSEEK,
      { reasoning_effort: 'low' },
      {},
      { ...kwargs({ thinking: true }), thinking_budget_tokens: 2048 },
    ],
    [
      'an effort does not turn on what was set off',
      QWEN,
      { reasoning_effort: 'medium' },
      { enable_thinking: false },
      kwargs({ enable_thinking: false }),
    ],
    [
      'an effort without a template for it is a budget',
      R1,
      { reasoning_effort: 'medium' },
      {},
      { thinking_budget_tokens: 8192 },
    ],
    [
      'budgets of efforts can be chosen',
      R1,
      { reasoning_effort: 'medium' },
      { effort_budgets: { medium: 77 } },
      { thinking_budget_tokens: 77 },
    ],
    ['the highest effort has no bound', R1, { reasoning_effort: 'xhigh' }, {}, {}],
    ['an effort says nothing to a model that never thinks', PLAIN, { reasoning_effort: 'high' }, {}, {}],
    ['a number of tokens wins over an effort', R1, { reasoning_effort: 'high', thinking_budget_tokens: 50 }, {}, {}],
    [
      'a chosen number wins over the effort of an agent',
      R1,
      { reasoning_effort: 'high' },
      { thinking_budget_tokens: 9 },
      { thinking_budget_tokens: 9 },
    ],
    [
      'a template that reads efforts gets the effort',
      GPT_OSS,
      { reasoning_effort: 'high' },
      {},
      kwargs({ reasoning_effort: 'high' }),
    ],
    ['a default effort', GPT_OSS, {}, { reasoning_effort: 'high' }, kwargs({ reasoning_effort: 'high' })],
    [
      'gpt-oss knows three efforts',
      GPT_OSS,
      { reasoning_effort: 'minimal' },
      {},
      { ...kwargs({ reasoning_effort: 'low' }), reasoning_effort: 'low' },
    ],
    [
      'gpt-oss cannot be off: it gets low',
      GPT_OSS,
      { reasoning_effort: 'none' },
      {},
      { ...kwargs({ reasoning_effort: 'low', enable_thinking: false }), reasoning_effort: 'low' },
    ],
    [
      'what has no switch is ended at once',
      R1,
      {},
      { enable_thinking: false },
      { ...kwargs({ enable_thinking: false }), thinking_budget_tokens: 0 },
    ],
    [
      'keeping thoughts is told in all templates’ words',
      QWEN,
      {},
      { preserve_thinking: true },
      kwargs({ preserve_thinking: true, clear_thinking: false, truncate_history_thinking: false }),
    ],
    [
      'a stripped switch leaves the words without it',
      QWEN,
      kwargs({ enable_thinking: true, a: 1 }),
      { stripped: ['enable_thinking'], enable_thinking: false },
      kwargs({ enable_thinking: false, a: 1 }),
    ],
  ];
  test.each(CASES)('%s', (_what, traits, body, behaviour, set) => {
    expect(bare(body, behaviour, traits).set).toEqual(set);
  });

  test('a note says what a caller could wonder about, and nothing else does', () => {
    const notes = (traits: ModelTraits, body: JsonObject, behaviour: Behaviour = {}) =>
      act(body, behaviour, traits).notes;
    expect(notes(R1, {}, { enable_thinking: false })[0]).toContain('has no switch for thinking');
    expect(notes(GPT_OSS, { reasoning_effort: 'none' })[0]).toContain('low effort');
    expect(notes(GPT_OSS, { reasoning_effort: 'xhigh' })[0]).toContain('sent as "high"');
    expect(notes(QWEN, { reasoning_effort: 'medium' }, { enable_thinking: false })[0]).toContain('changes nothing');
    expect(notes(QWEN, { temperature: 1 }, { temperature: 0.5, enable_thinking: false, top_k: 20 })).toEqual([]);
    expect(notes(PLAIN, { reasoning_effort: 'medium', max_tokens: 60 }, { enable_thinking: false })).toEqual([]);
  });
});

describe('room for thinking', () => {
  test('a small limit is for the answer, and thinking gets its own', () => {
    const behaved = act({ max_tokens: 500 }, {}, QWEN);
    expect(behaved.set).toEqual({ max_tokens: 4596, thinking_budget_tokens: 4096 });
    expect(behaved.answerTokensMax).toBe(500);
    expect(behaved.notes).toEqual(['max_tokens 500 is for the answer; 4,096 more for thinking']);
  });

  test('a large limit stays, and thinking may use most of it', () => {
    const behaved = act({ max_tokens: 32_000 }, {}, QWEN);
    expect(behaved.set).toEqual({ thinking_budget_tokens: 24_000 });
    expect(behaved).toMatchObject({ answerTokensMax: null, notes: [] });
    expect(behaved.headers).toEqual({ 'x-flow-thinking-budget': '24000' });
  });

  test('a budget that fills its limit leaves a quarter for the answer, and says so', () => {
    const behaved = act({ max_tokens: 32_000, thinking_budget_tokens: 31_999 }, {}, QWEN);
    expect(behaved.set).toEqual({ thinking_budget_tokens: 24_000 });
    expect(behaved.answerTokensMax).toBeNull();
    expect(behaved.notes[0]).toContain('8,000 are left for the answer');
  });

  test('a budget within its limit that leaves room is left alone', () => {
    const behaved = act({ max_tokens: 2000, thinking_budget_tokens: 1024 }, {}, QWEN);
    expect(behaved).toMatchObject({ set: {}, answerTokensMax: null, notes: [] });
  });

  test('a budget beyond its limit is added to it', () => {
    const behaved = act({ max_tokens: 100, thinking_budget_tokens: 1024 }, {}, QWEN);
    expect(behaved).toMatchObject({ set: { max_tokens: 1124 }, answerTokensMax: 100 });
  });

  test('without a limit the context must hold an answer too', () => {
    const body = {};
    expect(act(body, {}, QWEN).set).toEqual({});
    const { set } = act(body, {}, QWEN, { contextTokens: 8192, promptTokens: 1000 });
    expect(set).toEqual({ thinking_budget_tokens: 8192 - 1000 - 2048 });
  });

  test('a budget that the context cannot hold leaves room for the answer in it', () => {
    // What Claude Code sends to an older model, into a context that its own prompt fills by two thirds.
    const body = { max_tokens: 32_000, thinking_budget_tokens: 31_999 };
    const { set, notes } = act(body, {}, QWEN, { contextTokens: 32_768, promptTokens: 20_000 });
    expect(set).toEqual({ thinking_budget_tokens: 32_768 - 20_000 - 8_000 });
    expect(notes).toEqual([expect.stringContaining('the context holds no more')]);
  });

  test('a context that is three quarters full is not thought to be half empty', () => {
    const { set } = act({}, {}, QWEN, { contextTokens: 32_768, promptTokens: 24_000 });
    expect(set).toEqual({ thinking_budget_tokens: 32_768 - 24_000 - 4096 });
  });

  test('a guess that cannot be true, as with pictures, still leaves half of the context', () => {
    const { set } = act({}, {}, QWEN, { contextTokens: 32_768, promptTokens: 500_000 });
    expect(set).toEqual({ thinking_budget_tokens: 16_384 - 4096 });
  });

  test('no room is made where nothing is thought', () => {
    expect(act({ max_tokens: 60 }, {}, PLAIN)).toMatchObject({ set: {}, answerTokensMax: null });
    const off = act({ max_tokens: 60, chat_template_kwargs: { enable_thinking: false } }, {}, QWEN);
    expect(off).toMatchObject({ set: {}, answerTokensMax: null, notes: [] });
  });

  test('no room is made where it is switched off', () => {
    expect(act({ max_tokens: 60 }, { repairs: { thinking_room: false } }, QWEN)).toMatchObject({ set: {}, notes: [] });
  });

  test('of several answers at once none is given more than the limit', () => {
    const behaved = act({ max_tokens: 60, n: 2 }, {}, QWEN, { canCut: false });
    expect(behaved).toMatchObject({ set: { thinking_budget_tokens: 45 }, answerTokensMax: null });
  });

  test('the limit of another name is taken away when it was raised', () => {
    const behaved = act({ n_predict: 60 }, {}, QWEN);
    expect(behaved).toMatchObject({ set: { max_tokens: 4156 }, drop: ['n_predict'], answerTokensMax: 60 });
  });
});
