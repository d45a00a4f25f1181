/** Values as text in a form, and back. What is right is judged by the schema: test/settings. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { boundsOf, kindOf, textOf, valueFrom, wordsOf } from '#src/pages/settings/field-values.ts';
import { SETTING_NAMES, settingProblem } from '#src/settings/validation.ts';
import { sampleSettings } from '../../support/sample-settings.ts';

describe('field values', () => {
  test('every default survives the way into a form and back', () => {
    const settings = sampleSettings();
    for (const name of SETTING_NAMES) expect(valueFrom(name, textOf(settings[name]))).toEqual(settings[name]);
  });

  test.each([
    ['jit_enabled', 'off', false],
    ['jit_enabled', 'on', true],
    ['queue_limit', ' 12 ', 12],
    ['memory_limit_gb', '1.5', 1.5],
    ['default_gpu_layers', '-1', -1],
    ['models_dir', ' /models ', '/models'],
    ['allowed_hosts', 'a.example\r\n\n  b.example  \n', ['a.example', 'b.example']],
    ['cors_origins', '', []],
    ['default_flash_attn', 'auto', 'auto'],
  ] as const)('%s of %p is %p', (name, text, value) => {
    expect(valueFrom(name, text)).toEqual(value);
    expect(settingProblem(name, valueFrom(name, text))).toBeNull();
  });

  test.each(['', '  ', 'abc', '1e', '12,5', 'NaN'])('a number that is none stays as typed: %p', (text) => {
    expect(valueFrom('queue_limit', text)).toBe(text);
    expect(settingProblem('queue_limit', valueFrom('queue_limit', text))).toContain('a whole number');
  });

  test('no text makes the reading throw', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SETTING_NAMES), fc.string(), (name, text) => {
        valueFrom(name, text);
      }),
    );
  });

  test('kinds and bounds follow from the schema', () => {
    expect([
      kindOf('host'),
      kindOf('port'),
      kindOf('jit_enabled'),
      kindOf('model_roots'),
      kindOf('restart_grown'),
    ]).toEqual(['text', 'number', 'switch', 'list', 'choice']);
    expect(boundsOf('port')).toEqual({ min: 1, max: 65_535, isWhole: true });
  });

  test('values in words name their unit and what is not there', () => {
    expect(wordsOf(300, 'seconds')).toBe('300 seconds');
    expect([wordsOf(true, undefined), wordsOf([], undefined), wordsOf('', undefined)]).toEqual(['on', 'none', 'empty']);
  });
});
