// Changes to a configuration from outside. The routes over them are tested in routes.test.ts.
import { describe, expect, test } from 'bun:test';
import { Fault } from '#src/faults.ts';
import { behaviourWith, configWith, nestedPatch } from '#src/models/config-patch.ts';
import { EMPTY_CONFIG } from '#src/models/model.ts';

function faultOf(act: () => unknown): Fault {
  try {
    act();
  } catch (cause) {
    if (cause instanceof Fault) return cause;
    throw cause;
  }
  throw new Error('nothing was thrown');
}

describe('a behaviour', () => {
  test('is merged key by key, and null takes a key away', () => {
    const present = { temperature: 0.6, top_k: 20, chat_template_kwargs: { a: 1, b: 2 }, stripped: ['seed'] };
    const patch = {
      temperature: null,
      top_p: 0.9,
      chat_template_kwargs: { b: null, c: { d: 1 } },
      stripped: ['top_p'],
    };
    expect(behaviourWith(present, patch)).toEqual({
      top_k: 20,
      top_p: 0.9,
      chat_template_kwargs: { a: 1, c: { d: 1 } },
      stripped: ['top_p'],
    });
    expect(present).toMatchObject({ temperature: 0.6, chat_template_kwargs: { a: 1, b: 2 } });
  });

  test('that was emptied is as if never chosen', () => {
    expect(
      behaviourWith({ forced: { a: 1 }, repairs: { loop_guard: false } }, { forced: { a: null }, repairs: null }),
    ).toEqual({});
    expect(behaviourWith({ top_k: 1 }, null)).toEqual({});
  });

  test.each([
    [{ temperatur: 1 }, 'behaviour.temperature'],
    [{ repetition_penalti: 1 }, 'behaviour.repetition_penalty'],
  ])('%j is unknown, and the nearest name is told', (patch, nearest) => {
    expect(faultOf(() => behaviourWith({}, patch))).toMatchObject({ kind: 'invalid-request' });
    expect(faultOf(() => behaviourWith({}, patch)).message).toContain(`the nearest is "${nearest}"`);
  });

  test.each([
    [{ temperature: 'hot' }, 'behaviour.temperature'],
    [{ temperature: 9 }, 'behaviour.temperature'],
    [{ top_k: 1.5 }, 'behaviour.top_k'],
    [{ repairs: { loop_guard: 'no' } }, 'behaviour.repairs.loop_guard'],
    [{ repairs: { loop: true } }, 'behaviour.repairs.loop'],
    [{ effort_budgets: { low: -5 } }, 'behaviour.effort_budgets.low'],
    [{ stripped: 'top_p' }, 'behaviour.stripped'],
  ])('%j is refused with its place', (patch, field) => {
    expect(faultOf(() => behaviourWith({}, patch)).message).toStartWith(`${field} is not as it must be`);
  });

  test('tells the values that are possible', () => {
    expect(faultOf(() => behaviourWith({}, { reasoning_effort: 'huge' })).message).toContain('none, minimal, low');
  });
});

describe('a configuration', () => {
  test('keeps what a patch does not name', () => {
    const one = configWith(EMPTY_CONFIG, { launch: { ctx_size: 4096 }, behaviour: { top_k: 1 } });
    const two = configWith(one, { is_pinned: true, launch: { n_parallel: 2 }, behaviour: { top_p: 1 } });
    expect(two).toEqual({
      ...EMPTY_CONFIG,
      is_pinned: true,
      launch: { ctx_size: 4096, n_parallel: 2 },
      behaviour: { top_k: 1, top_p: 1 },
    });
  });

  test.each([
    [{ pinned: true }, 'is_pinned'],
    [{ launch: { ctx: 1 } }, 'launch.ctx_size'],
    [{ variant: [] }, 'variants'],
  ])('%j is unknown, and the nearest name is told', (patch, nearest) => {
    expect(faultOf(() => configWith(EMPTY_CONFIG, patch)).message).toContain(nearest);
  });

  test('variants are read as strictly', () => {
    expect(
      faultOf(() => configWith(EMPTY_CONFIG, { variants: [{ name: 'a', behaviour: { temp: 1 } }] })).message,
    ).toContain('variants.0.behaviour.temp');
  });
});

describe('fields of a behaviour beside the others', () => {
  test('are taken into it', () => {
    const patch = nestedPatch({ temperature: 1, top_k: null, is_pinned: true, behaviour: { top_p: 1 } }, { top_k: 3 });
    expect(patch).toEqual({ is_pinned: true, behaviour: { temperature: 1, top_k: null, top_p: 1 } });
  });

  test('that stand in both places mean the one that was changed', () => {
    const present = { temperature: 0.6, top_p: 0.9 };
    expect(nestedPatch({ ...present, behaviour: { ...present, temperature: 1 } }, present).behaviour).toMatchObject({
      temperature: 1,
    });
    expect(nestedPatch({ ...present, temperature: 1, behaviour: present }, present).behaviour).toMatchObject({
      temperature: 1,
    });
    expect(faultOf(() => nestedPatch({ temperature: 1, behaviour: { temperature: 2 } }, present)).message).toContain(
      'different things',
    );
  });

  test('that nobody knows are told with the nearest of all names', () => {
    expect(faultOf(() => nestedPatch({ temprature: 1 }, {})).message).toContain('"temperature"');
    expect(faultOf(() => nestedPatch({ alias: [] }, {})).message).toContain('"aliases"');
  });
});
