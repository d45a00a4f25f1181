/** The real servers, as Flow's installer brings them: they run here, and say what Flow knows of them. */
import { expect, test } from 'bun:test';
import { MLX_PROGRAMS } from '#src/engines/mlx/kinds.ts';
import { realMlx } from '#test/support/mlx-engine.ts';

const INSTALL_MS_MAX = 900_000;

test.each([
  ['mlx-lm', ['--model', '--host', '--port', '--draft-model', '--num-draft-tokens', '--prompt-cache-size']],
  ['mlx-vlm', ['--model', '--host', '--port', '--api-key', '--draft-model']],
  [
    'mlx-openai-server',
    ['--model-path', '--host', '--port', '--tool-call-parser', '--reasoning-parser', '--no-log-file'],
  ],
] as const)(
  '%s is installed in its tested version, with its options',
  async (kind, flags) => {
    const engine = await realMlx(kind);
    if (!engine) return;
    const { version } = MLX_PROGRAMS[kind];
    expect(engine).toMatchObject({ id: `${kind}-${version}`, version });
    expect([...(engine.shelf.optionsOf(engine)?.keys() ?? [])]).toEqual(expect.arrayContaining([...flags]));
    if (kind === 'mlx-openai-server') {
      expect(engine.shelf.optionsOf(engine)?.get('--tool-call-parser')).toEqual(expect.arrayContaining(['hermes']));
    }
  },
  INSTALL_MS_MAX,
);
