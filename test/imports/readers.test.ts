// Pure readers of foreign configurations: what they make of good, odd and hostile files. Taking over: imports.test.ts.
import { describe, expect, test } from 'bun:test';
import type { FoundModel } from '#src/discovery/found-model.ts';
import { commandWords } from '#src/imports/command-words.ts';
import { readEngineArguments } from '#src/imports/engine-arguments.ts';
import { readIni } from '#src/imports/ini.ts';
import { readLlamaServerPresets } from '#src/imports/llama-server-presets.ts';
import { readLlamaSwap } from '#src/imports/llama-swap.ts';
import { quickestMs } from '#test/support/quickest.ts';

const downloaded: FoundModel = {
  place: 'huggingface',
  format: 'gguf',
  path: '/cache/some-Q4_K_M.gguf',
  realPath: '/cache/blob',
  contentPath: '/cache/blob',
  name: 'some-Q4_K_M',
  repository: 'Owner/Some-GGUF',
  quantization: 'Q4_K_M',
  sizeBytes: 1,
  parts: 1,
  projectorPath: null,
};
const downloadedMlx: FoundModel = {
  ...downloaded,
  format: 'mlx',
  path: '/cache/mlx/snapshot',
  name: 'Some-4bit',
  repository: 'mlx-community/Some-4bit',
  quantization: '4-bit',
};
const environment = { HOME: '/home/me', API_TOKEN: 'hidden' };
const swap = (text: string) =>
  readLlamaSwap(text, { folder: '/etc/swap', environment, found: [downloaded, downloadedMlx] });
const presets = (text: string) => readLlamaServerPresets(text, { folder: '/etc/lc', found: [downloaded] });
/** A reference as the file has it. */
const macro = (name: string): string => ['$', '{', name, '}'].join('');
const read = (command: string) => readEngineArguments(commandWords(command), '/base');
const reasons = (plan: { notTaken: readonly { what: string; why: string }[] }) =>
  plan.notTaken.map(({ what, why }) => `${what}: ${why}`).join('\n');

describe('words of a command', () => {
  test.each([
    ['a  b\n c', ['a', 'b', 'c']],
    ['a \\\n  b', ['a', 'b']],
    [`'a b' "c d" e\\ f`, ['a b', 'c d', 'e f']],
    [`--json '{"a": "b c"}' x"y"'z'`, ['--json', '{"a": "b c"}', 'xyz']],
    ['"a \\" b" \'\' "\\n"', ['a " b', '', '\\n']],
    ['a # comment\nb#c', ['a', 'b#c']],
    ['$(rm -rf /) `id` $HOME', ['$(rm', '-rf', '/)', '`id`', '$HOME']],
    ['', []],
  ])('%j', (text, words) => {
    expect(commandWords(text)).toEqual(words);
  });

  test.each([['"open'], ["a 'b"], ['"ends with \\"'], ['"\\']])('a quote that is never closed is told: %s', (text) => {
    expect(() => commandWords(text)).toThrow('never closed');
  });

  test('a megabyte of quotes takes no time worth speaking of', () => {
    const quoted = `"${'a'.repeat(1_000_000)}"`;
    const tookMs = quickestMs(500, () => expect(commandWords(quoted)[0]?.length).toBe(1_000_000));
    expect(tookMs).toBeLessThan(500);
  });
});

describe('arguments of llama-server', () => {
  test.each<[string, object]>([
    ['-c 8192', { ctx_size: 8192, n_parallel: 1 }],
    ['-c 8192 -np 4', { ctx_size: 2048, n_parallel: 4 }],
    ['-c 0', { ctx_size: 0 }],
    ['-np 3', { n_parallel: 3 }],
    ['-ngl 99', { gpu_layers: 99 }],
    ['--n-gpu-layers all -fa', { gpu_layers: 999, flash_attn: 'on' }],
    ['-fa off -ctk q8_0 --cache-type-v f16', { flash_attn: 'off', cache_type_k: 'q8_0', cache_type_v: 'f16' }],
    ['-fa --threads 8', { flash_attn: 'on', threads: 8 }],
    ['-b 512 -ub 256', { batch_size: 512, ubatch_size: 256 }],
    ['--rope-scaling yarn --rope-scale 4', { rope_scaling: 'yarn', rope_scale: 4 }],
    ['--no-mmap --mlock', { mmap: false, mlock: true }],
    ['-lm mmap+mlock', { mmap: true, mlock: true }],
    ['-md draft.gguf --draft-max 100', { draft_model_path: '/base/draft.gguf', num_draft_tokens: 64 }],
    ['--mmproj /p.gguf --cache_ram=0', { mmproj_path: '/p.gguf', cache_ram_mib: 0 }],
    ['--no-mmproj', { mmproj_path: '' }],
    ['--chat-template-file t.jinja --jinja', { chat_template_file: '/base/t.jinja' }],
  ])('%s is a setting', (command, launch) => {
    expect(read(command)).toMatchObject({ launch, extraArguments: [], notTaken: [] });
    expect(Object.keys(read(command).launch).toSorted()).toEqual(Object.keys(launch).toSorted());
  });

  test('samplers and template arguments are behaviour; a sleep is a cooldown; an alias a name', () => {
    const command = `--temp 0.6 --top-k 20 --min-p 0 --repeat-penalty 1.1 --seed -1 --sleep-idle-seconds 60 -a one,two
      --chat-template-kwargs '{"enable_thinking": false, "depth": 3}'`;
    expect(read(command)).toMatchObject({
      behaviour: {
        temperature: 0.6,
        top_k: 20,
        min_p: 0,
        repetition_penalty: 1.1,
        enable_thinking: false,
        chat_template_kwargs: { depth: 3 },
      },
      cooldownS: 60,
      aliases: ['one', 'two'],
      extraArguments: [],
      notTaken: [],
    });
  });

  test('what Flow has no setting for stays an argument', () => {
    expect(read('--swa-full -ot exps=CPU --reasoning-budget 0').extraArguments).toEqual([
      ['--swa-full'],
      ['-ot', 'exps=CPU'],
      ['--reasoning-budget', '0'],
    ]);
  });

  test('what would open the machine, and what nobody knows, is left with a reason and without its value', () => {
    const { notTaken, extraArguments } = read('--rpc 10.0.0.1:5 --api-key hush --frobnicate 3 --slot-save-path /x');
    expect(extraArguments).toEqual([]);
    const left = notTaken.map(({ what }) => what).toSorted();
    expect(left).toEqual(['--api-key', '--frobnicate', '--rpc', '--slot-save-path']);
    expect(JSON.stringify(notTaken)).not.toContain('hush');
  });

  test('values that are none are left', () => {
    const { launch, notTaken } = read('-ctk q99 --threads many -np 0 -m');
    expect(launch).toEqual({});
    expect(notTaken.length).toBe(3);
  });
});

describe('llama-swap', () => {
  test('macros, comments, aliases, idleness, groups and filters', () => {
    const plan = swap(`
globalTTL: 120
macros:
  bin: "/opt/llama-server --port \${PORT}"
  ctx: 4096
  args: "-c \${ctx}"
models:
  "big":
    macros: { ctx: 16384, hot: 0.9 }
    cmd: |
      # a comment with a quote: it's
      \${bin}
      --model \${env.HOME}/big.gguf \${args}
    aliases: ["gpt-x", "\${MODEL_ID}-again"]
    ttl: 60
    filters:
      stripParams: "top_k, model, top_p"
      setParams: { temperature: "\${hot}", model: "no" }
      setParamsByID:
        "\${MODEL_ID}:fast": { chat_template_kwargs: { enable_thinking: false } }
  "small":
    cmd: nice -n 5 llama-server-b9 -m small.gguf
    env: ["CUDA_VISIBLE_DEVICES=1"]
groups:
  keep: { persistent: true, members: [small] }
  swap: { members: [big] }
`);
    expect(plan.models).toMatchObject([
      {
        id: 'big',
        path: '/home/me/big.gguf',
        aliases: ['gpt-x', 'big-again'],
        launch: { ctx_size: 16384, n_parallel: 1 },
        cooldownS: 60,
        isPinned: false,
        behaviour: { stripped: ['top_k', 'top_p'], forced: { temperature: 0.9 } },
        variants: [{ name: 'big:fast', behaviour: { enable_thinking: false, forced: { enable_thinking: false } } }],
      },
      { id: 'small', path: '/etc/swap/small.gguf', cooldownS: 120, isPinned: true },
    ]);
    expect(plan.notTaken.map(({ what }) => what)).toEqual(['group swap', 'big: setParams.model', 'small: env']);
  });

  test('groups of the newer form', () => {
    const groups = 'routing: { router: { settings: { groups: { g: { persistent: true, members: [a] } } } } }';
    expect(swap(`models: { a: { cmd: llama-server -m /a.gguf } }\n${groups}`).models[0]?.isPinned).toBe(true);
  });

  test('a repository is found among what was downloaded, or named as missing', () => {
    const plan = swap(`models:
  here: { cmd: "llama-server -hf owner/some-gguf:q4_k_m" }
  gone: { cmd: "llama-server -hf other/thing:Q8_0" }`);
    expect(plan.models).toMatchObject([{ id: 'here', path: '/cache/some-Q4_K_M.gguf', hfId: 'owner/some-gguf' }]);
    expect(reasons(plan)).toBe('gone: other/thing is not on this machine yet.');
  });

  test.each<[string, object]>([
    ['mlx_lm.server --model /m', { path: '/m', launch: { mlx_engine: 'mlx-lm' } }],
    ['/opt/bin/mlx_lm.server --model=m --host 0.0.0.0 --port 9', { path: '/etc/swap/m' }],
    ['python3 -m mlx_lm.server --model mlx-community/some-4bit', { path: '/cache/mlx/snapshot' }],
    ['uv run python -m mlx_lm server --model /m --temp 0.6', { path: '/m', behaviour: { temperature: 0.6 } }],
    [
      'mlx-openai-server launch --model-path /m --model-type lm --context-length 8192 --reasoning-parser qwen3 --kv-bits 8',
      { launch: { mlx_engine: 'mlx-openai-server', ctx_size: 8192, mlx_reasoning_parser: 'qwen3', mlx_kv_bits: 8 } },
    ],
    [
      'nice mlx_vlm.server --model /m --draft-model d --max-num-seqs 2 --max-pixels 99',
      {
        launch: { mlx_engine: 'mlx-vlm', n_parallel: 2, draft_model_path: '/etc/swap/d' },
        extraArguments: [['--max-pixels', '99']],
      },
    ],
    ['mlx_lm.server --model /m --prompt-cache-bytes 2GB', { launch: { mlx_engine: 'mlx-lm', cache_ram_mib: 1907 } }],
    [
      `mlx_lm.server --model /m --chat-template-args '{"enable_thinking":false}'`,
      { behaviour: { enable_thinking: false } },
    ],
  ])('an MLX server is taken: %s', (command, model) => {
    const plan = swap(`models: { mine: { cmd: ${JSON.stringify(command)} } }`);
    expect(plan.notTaken).toEqual([]);
    expect(plan.models).toMatchObject([model]);
    const [{ launch } = { launch: {} }] = plan.models;
    if ('launch' in model) expect<unknown>(launch).toEqual(model.launch);
  });

  test('what would run code, and what is not here, is left of an MLX command', () => {
    const plan = swap(`models:
  one: { cmd: "mlx_lm.server --model /m --trust-remote-code --pipeline --chat-template '{{ x }}' --frob 1 --seed" }
  two: { cmd: mlx_vlm.server --model other/thing --api-key hush }
  three: { cmd: mlx-openai-server launch --config /c.yaml }
  four: { cmd: mlx_lm.server --model /n --draft-model org/draft }`);
    expect(plan.models.map(({ id }) => id)).toEqual(['one', 'four']);
    expect(plan.models[0]?.launch).toEqual({ mlx_engine: 'mlx-lm' });
    const said = reasons(plan);
    for (const what of ['one: --trust-remote-code', 'one: --pipeline', 'one: --chat-template', 'one: --frob']) {
      expect(said).toContain(`${what}: `);
    }
    expect(said).toContain('two: other/thing is not on this machine yet.');
    expect(said).toContain('three: Its command names no model.');
    expect(said).toContain('four: --draft-model: It is to be fetched');
    expect(JSON.stringify(plan)).not.toContain('hush');
  });

  test('two names for one file are one model with a variant', () => {
    const plan = swap(`models:
  a: { cmd: llama-server -m /m.gguf -c 100 }
  b: { cmd: llama-server -m /m.gguf -c 200 --temp 0.1, aliases: [b2] }
  c: { cmd: llama-server -m /m.gguf -c 100 }`);
    expect(plan.models.length).toBe(1);
    expect(plan.models[0]?.variants.map(({ name }) => name)).toEqual(['b', 'b2']);
    expect(plan.models[0]?.aliases).toEqual(['c']);
    expect(reasons(plan)).toContain('b: how it is started');
  });

  test.each([
    [
      'macros that hold each other',
      `macros: { a: "${macro('b')}", b: "${macro('a')}" }`,
      `llama-server -m ${macro('a')}`,
      'contain each other',
    ],
    ['macros that grow', `macros: { a: "${'x'.repeat(9000)}" }`, `llama-server ${macro('a').repeat(9)}`, 'too long'],
    ['a macro that is not there', '', `llama-server -m ${macro('nope')}`, 'no macro nope'],
    ['a variable that is not set', '', `llama-server -m ${macro('env.NOPE')}`, 'NOPE is not set'],
    ['a variable that is secret', '', `llama-server -m ${macro('env.API_TOKEN')}`, 'sounds secret'],
    ['a quote that stays open', '', "llama-server -m 'x", 'never closed'],
    ['a container', '', 'docker run llama-server -m /x.gguf', 'container'],
    ['another engine', '', 'vllm serve x', 'does not start llama-server'],
    ['an MLX server in a shell', '', 'sh -c mlx_lm.server', 'does not start llama-server or an MLX server'],
    ['a shell', '', 'sh -c llama-server', 'does not start llama-server'],
    ['no model', '', 'llama-server -c 5', 'names no model'],
  ])('%s is told of the one model, and the others are taken', (_, macros, command, reason) => {
    const text = `${macros}\nmodels:\n  bad: { cmd: ${JSON.stringify(command)} }\n  good: { cmd: llama-server -m /g.gguf }`;
    const plan = swap(text);
    expect(plan.models.map(({ id }) => id)).toEqual(['good']);
    expect(reasons(plan)).toContain(reason);
    expect(JSON.stringify(plan)).not.toContain('hidden');
  });

  test.each([
    ['no mapping', '- a\n- b'],
    ['no models', 'macros: {}'],
    ['no YAML', 'a: "open'],
    ['brackets without end', '['.repeat(100_000)],
    ['a bomb of aliases', bomb()],
  ])('%s is no configuration', (_, text) => {
    expect(() => swap(text)).toThrow();
  });

  test('an anchor that holds itself costs the model that has it', () => {
    const plan = swap('models:\n  a:\n    cmd: llama-server -m /a.gguf\n    filters: &f\n      setParams: *f');
    expect(reasons(plan)).toContain('nested without end');
  });
});

function bomb(): string {
  const levels = 'abcdefghi'.split('');
  const line = (name: string, index: number): string => {
    const inner = index === 0 ? 'x' : `*${levels[index - 1]}`;
    return `${name}: &${name} [${Array(9).fill(inner).join(',')}]`;
  };
  return `${levels.map(line).join('\n')}\nmodels: *i`;
}

describe("llama-server's presets", () => {
  test('sections, what is everywhere, short names, variables and switches', () => {
    const plan = presets(`version = 1
; everywhere
[*]
c = 8192
jinja = true
[one]
model = /one.gguf  ; here
LLAMA_ARG_N_GPU_LAYERS = 12
no-mmap = true
temp = 0.5
load-on-startup = true
[two]
m = ./two.gguf
c = 1024
mmap = 0
swa-full = 1
kv-offload = false
[Owner/Some-GGUF:Q4_K_M]
np = 2
`);
    expect(plan.models).toMatchObject([
      {
        id: 'one',
        path: '/one.gguf',
        launch: { ctx_size: 8192, gpu_layers: 12, mmap: false },
        behaviour: { temperature: 0.5 },
      },
      { id: 'two', path: '/etc/lc/two.gguf', launch: { ctx_size: 1024, mmap: false } },
      { id: 'Owner/Some-GGUF:Q4_K_M', path: '/cache/some-Q4_K_M.gguf', launch: { ctx_size: 4096, n_parallel: 2 } },
    ]);
    expect(plan.models[1]?.extraArguments).toEqual([['--swa-full'], ['--no-kv-offload']]);
    expect(reasons(plan)).toBe('one: load-on-startup: Flow loads a model when it is asked for.');
  });

  test.each([
    ['a=1\r\n[s]\r\nb = x y # c', { '': { a: '1' }, s: { b: 'x y' } }],
    ['[s]\na=1\n[s]\nb=2', { '': {}, s: { a: '1', b: '2' } }],
    ['[a/b:Q4] ; c\nk = {"x": [1]}', { '': {}, 'a/b:Q4': { k: '{"x": [1]}' } }],
    ['__proto__ = 1', { '': JSON.parse('{"__proto__": "1"}') }],
  ])('%j', (text, expected) => {
    const sections = [...readIni(text)].map(([name, section]) => [name, Object.fromEntries(section)]);
    expect(Object.fromEntries(sections)).toEqual(expected);
  });

  test.each([['no equals'], ['[open\n'], ['= value'], ['\u0000\u0001']])(
    'a line that is nothing is told: %j',
    (text) => {
      expect(() => readIni(text)).toThrow('Line 1');
    },
  );
});
