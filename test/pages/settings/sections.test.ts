/** The page against the schema: nothing missing, nothing twice, everything explained. Saving: test/e2e/settings. */
import { describe, expect, test } from 'bun:test';
import { ENGINE_CHOICES, LISTED, MODEL_CHOICES, SECTIONS } from '#src/pages/settings/sections.ts';
import { Settings } from '#src/settings/settings.ts';
import { SETTING_NAMES } from '#src/settings/validation.ts';

const listed = SECTIONS.flatMap(({ settings }) => settings.map(({ name }) => name));

describe('sections', () => {
  test('every setting of the schema is on the page, once', () => {
    expect([...listed].sort()).toEqual([...SETTING_NAMES].sort());
  });

  test('each has a label of its own and a line that says what it does', () => {
    const labels = [...LISTED.values()].map(({ label }) => label);
    expect(new Set(labels).size).toBe(labels.length);
    const mute = SETTING_NAMES.filter((name) => !Settings.properties[name].description);
    expect(mute).toEqual([]);
  });

  test('sections are named as anchors, in the order in which people look', () => {
    const names = SECTIONS.map(({ name }) => name).join(' ');
    expect(names).toBe('general engines memory folders network keys hub agents privacy appearance about');
  });

  test('choices among models and engines are settings that exist', () => {
    const choices = [...Object.keys(ENGINE_CHOICES), ...MODEL_CHOICES];
    expect(choices.filter((name) => !Object.hasOwn(Settings.properties, name))).toEqual([]);
    // A new kind of engine brings a setting that chooses among its engines.
    expect(SETTING_NAMES.filter((name) => name.endsWith('_choice')).sort()).toEqual(
      SETTING_NAMES.filter((name) => name in ENGINE_CHOICES).sort(),
    );
  });
});
