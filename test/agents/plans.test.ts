/** Each agent's plan: on a bare home, beside what people have there, again, with too little context. */
import { describe, expect, test } from 'bun:test';
import type { AgentFacts } from '#src/agents/agent.ts';
import { AGENTS, agentNamed } from '#src/agents/agents.ts';
import { checkedAddress, outputTokensMax } from '#src/agents/budget.ts';
import { edited, type Format, parsed, reverted } from '#src/agents/edit.ts';

const FACTS: AgentFacts = {
  baseUrl: 'http://127.0.0.1:3377',
  apiKey: null,
  modelId: 'qwen3-30b',
  modelName: 'Qwen3 30B',
  contextTokens: 131_072,
  capabilities: { tools: true, thinking: true, vision: true, embedding: false },
  home: '/home/me',
  environment: {},
};

/** Something of everybody's in each format. */
const OWN: { readonly [Kind in Format]: string } = {
  json: '{\n  // mine\n  "theme": "dark", // nice\n  "env": { "EDITOR": "vi" },\n}\n',
  toml: '# mine\napproval = "never" # nice\n\n[model_providers.azure]\nname = "Azure"\n',
  yaml: '# mine\ntheme: dark # nice\nextensions:\n  - one\n',
};
const BROKEN: { readonly [Kind in Format]: string } = { json: '{ "a": }', toml: 'a = ', yaml: 'a: [1\nb: 2\n' };

const filesOf = (name: string, facts = FACTS): Record<string, unknown> =>
  Object.fromEntries(
    agentNamed(name)
      .plan(facts, () => false)
      .edits.map((edit) => [edit.path, parsed(edit.format, edited(edit, ''))]),
  );

describe('every agent', () => {
  for (const agent of AGENTS) {
    const { edits } = agent.plan(FACTS, () => false);

    test(`${agent.name}: a bare home is enough, and the address and model are told`, () => {
      const texts = edits.map((edit) => edited(edit, ''));
      expect(texts.join('')).toContain('http://127.0.0.1:3377');
      expect(texts.join('')).toContain('qwen3-30b');
      for (const edit of edits) expect(edit.path).toStartWith('/home/me/.');
    });

    test(`${agent.name}: what stands there stays, with its comments; again changes nothing; back is as before`, () => {
      for (const edit of edits) {
        const own = OWN[edit.format];
        const text = edited(edit, own);
        for (const word of ['mine', '# nice', '// nice'].filter((one) => own.includes(one)))
          expect(text).toContain(word);
        expect(parsed(edit.format, text)).toMatchObject(Object(parsed(edit.format, own)));
        expect(edited(edit, text)).toBe(text);
        expect(parsed(edit.format, reverted(edit, text, own).text)).toEqual(parsed(edit.format, own));
      }
    });

    test(`${agent.name}: another model takes the place of the former`, () => {
      const next = agent.plan({ ...FACTS, modelId: 'gemma', contextTokens: 65_536 }, () => false).edits;
      for (const [index, edit] of next.entries()) {
        const former = edits[index];
        const text = edited(edit, former ? edited(former, '') : '');
        expect(text).toContain('gemma');
        expect(edited(edit, text)).toBe(text);
      }
    });

    test(`${agent.name}: a file that is broken is refused`, () => {
      for (const edit of edits) expect(() => edited(edit, BROKEN[edit.format])).toThrow();
    });

    test(`${agent.name}: a key is told when there is one, and a context too small is warned about`, () => {
      const plan = agent.plan({ ...FACTS, apiKey: 'the-real-key', contextTokens: 8_192 }, () => false);
      expect(plan.edits.map((edit) => edited(edit, '')).join('')).toContain('the-real-key');
      expect(plan.warnings.join(' ')).toMatch(/context/);
      expect(agent.plan(FACTS, () => false).warnings).toEqual([]);
    });
  }

  test('an unknown one is answered with those there are', () => {
    expect(() => agentNamed('cursor')).toThrow('no agent "cursor".');
    expect(() => agentNamed('x'.repeat(100_000))).toThrow('no agent');
  });

  test('a mistyped one is answered with the nearest, and other spellings of a name are understood', () => {
    expect(() => agentNamed('cluade')).toThrow('the nearest is "claude"');
    expect(() => agentNamed('opencoed')).toThrow('the nearest is "opencode"');
    expect(['Claude', 'claude-code', 'Codex CLI', 'cn'].map((name) => agentNamed(name).name)).toEqual([
      'claude',
      'claude',
      'codex',
      'continue',
    ]);
  });
});

describe('the numbers', () => {
  test('an answer may take a quarter of the context, within bounds', () => {
    expect([2_048, 32_768, 262_144].map(outputTokensMax)).toEqual([1_024, 8_192, 32_768]);
  });

  test('Claude Code: every tier is the one model, and the context is the true one', () => {
    const { env } = Object(filesOf('claude')['/home/me/.claude/settings.json']);
    const models = Object.entries(env).filter(([name]) => /MODEL$/.test(name));
    expect(models.length).toBe(8);
    expect(models.every(([, model]) => model === 'qwen3-30b')).toBe(true);
    expect(env).toMatchObject({
      CLAUDE_CODE_MAX_CONTEXT_TOKENS: '131072',
      CLAUDE_CODE_AUTO_COMPACT_WINDOW: '131072',
      CLAUDE_CODE_MAX_OUTPUT_TOKENS: '32768',
      CLAUDE_CODE_ATTRIBUTION_HEADER: '0',
      ANTHROPIC_API_KEY: '',
    });
  });

  test('Claude Code: permissions are nobody else’s business', () => {
    expect(JSON.stringify(filesOf('claude'))).not.toContain('permission');
  });

  test('Claude Code: a name that it takes for one of its maker’s is warned about', () => {
    const { warnings } = agentNamed('claude').plan({ ...FACTS, modelId: 'claude-like' }, () => false);
    expect(warnings.join()).toContain('give claude-like an alias');
  });

  test('Codex compacts before the context is full', () => {
    expect(filesOf('codex')['/home/me/.codex/config.toml']).toMatchObject({
      model_provider: 'flow',
      model_context_window: 131_072,
      model_auto_compact_token_limit: 98_304,
      model_providers: { flow: { base_url: 'http://127.0.0.1:3377/v1', wire_api: 'responses' } },
    });
  });

  test('pi keeps less of a conversation when the context is small', () => {
    const small = filesOf('pi', { ...FACTS, contextTokens: 32_768 })['/home/me/.pi/agent/settings.json'];
    expect(small).toMatchObject({
      compaction: { modelOverrides: { 'flow/qwen3-30b': { reserveTokens: 8_192, keepRecentTokens: 8_192 } } },
    });
    expect(filesOf('pi')['/home/me/.pi/agent/settings.json']).not.toHaveProperty('compaction');
  });

  test('OpenClaw: the fields that Flow has always shown', () => {
    expect(filesOf('openclaw')['/home/me/.openclaw/openclaw.json']).toMatchObject({
      agents: { defaults: { model: { primary: 'flow/qwen3-30b' } } },
      models: {
        providers: {
          flow: {
            baseUrl: 'http://127.0.0.1:3377/v1',
            apiKey: 'flow-local',
            api: 'openai-completions',
            models: [{ id: 'qwen3-30b', contextWindow: 131_072, maxTokens: 32_768, input: ['text', 'image'] }],
          },
        },
      },
    });
  });
});

describe('where the files are', () => {
  const PLACES: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
    ['claude', { CLAUDE_CONFIG_DIR: '/c' }, '/c/settings.json'],
    ['codex', { CODEX_HOME: '/c' }, '/c/config.toml'],
    ['opencode', { XDG_CONFIG_HOME: '/c' }, '/c/opencode/opencode.json'],
    ['opencode', { OPENCODE_CONFIG: '/c/mine.json' }, '/c/mine.json'],
    ['openclaw', { OPENCLAW_STATE_DIR: '/c' }, '/c/openclaw.json'],
    ['hermes', { HERMES_HOME: '/c' }, '/c/config.yaml'],
    ['pi', { PI_CODING_AGENT_DIR: '/c' }, '/c/models.json'],
    ['qwen', { QWEN_HOME: '/c' }, '/c/settings.json'],
    ['continue', { CONTINUE_GLOBAL_DIR: '/c' }, '/c/config.yaml'],
  ];
  for (const [name, environment, path] of PLACES) {
    test(`${name} is told by ${Object.keys(environment).join()}`, () => {
      expect(agentNamed(name).plan({ ...FACTS, environment }, () => false).edits[0]?.path).toBe(path);
    });
  }

  test('opencode: of several files, the one that wins', () => {
    const folder = '/home/me/.config/opencode';
    const both = (path: string): boolean => path !== `${folder}/config.json`;
    expect(agentNamed('opencode').plan(FACTS, both).edits[0]?.path).toBe(`${folder}/opencode.jsonc`);
  });

  test('an address is taken with /v1 or without, and nothing else is', () => {
    expect(checkedAddress('https://flow.lan:3377/v1/')).toBe('https://flow.lan:3377');
    for (const text of ['flow.lan', 'ftp://x', 'http://x/?a=1'])
      expect(() => checkedAddress(text)).toThrow('no address');
  });
});
