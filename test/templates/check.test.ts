/** What is found in chat templates, one fault at a time, by the real process. Hostile ones: renderer.test.ts. */
import { afterAll, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { checkTemplate, USUAL_TOKENS } from '#src/templates/check.ts';
import { Renderer } from '#src/templates/renderer.ts';
import { chatml, FAULTY } from './support/broken.ts';

const renderer = new Renderer({ clock: systemClock });
afterAll(() => renderer[Symbol.dispose]());

const check = (template: string, callFormat: 'hermes-json' | 'qwen-xml' | null = null) =>
  checkTemplate({ template, tokens: USUAL_TOKENS, callFormat }, renderer);
const OWN = readFileSync(join(import.meta.dir, '../../src/behaviour/templates/qwen3.6-tools.jinja'), 'utf8');

test("Flow's own template has nothing to remark, and is known for what it does", async () => {
  const { isValid, findings, facts } = await check(OWN, 'qwen-xml');
  expect({ isValid, findings }).toEqual({ isValid: true, findings: [] });
  expect(facts).toEqual({
    supportsSystem: true,
    supportsTools: true,
    supportsParallelCalls: true,
    supportsThinking: true,
    switchesThinking: true,
    opensThought: true,
    keepsThoughts: 'before-results',
    secondSystem: 'kept',
    lateSystem: 'kept',
    consecutiveUsers: 'kept',
    wantsShortCallIds: false,
    wantsListContent: false,
    readsListContent: true,
  });
});

test.each(FAULTY)('%s is found as %s', async (kind, severity, template) => {
  const { isValid, findings } = await check(template);
  const found = findings.find((finding) => finding.kind === kind);
  expect(found?.severity, JSON.stringify(findings)).toBe(severity as 'note');
  expect(found?.message).toMatch(/^[A-Z].*\.$/s);
  expect(isValid).toBe(!findings.some((finding) => finding.severity === 'error'));
});

test('none of it is found where nothing is wrong', async () => {
  // Arguments that come as text are quoted by any template that writes them as JSON.
  expect((await check(chatml())).findings.map(({ kind }) => kind)).toEqual(['call-arguments-quoted']);
});

test('calls in a format that the family was not trained on are remarked', async () => {
  const kinds = async (format: 'hermes-json' | 'qwen-xml') =>
    (await check(chatml(), format)).findings.map(({ kind }) => kind);
  expect(await kinds('qwen-xml')).toContain('call-other-format');
  expect(await kinds('hermes-json')).not.toContain('call-other-format');
});

test('what a template says is quoted short and without control characters', async () => {
  const { findings } = await check(
    `{{ raise_exception('a\u001b[31m' + 'b' * 0 if false else '\u001b[31m<b>' ~ '${'x'.repeat(400)}') }}`,
  );
  const detail = findings[0]?.detail ?? '';
  expect(detail).toStartWith('[31m<b>xx');
  expect(detail.length).toBeLessThanOrEqual(301);
});
