/** What is in an export, and what an import takes. */
import { describe, expect, test } from 'bun:test';
import { exported, imported } from '#src/pages/settings/transfer.ts';
import type { SettingName, SettingOrigin } from '#src/settings/settings.ts';
import { sampleSettings } from '../../support/sample-settings.ts';

const origins = (known: Partial<Record<SettingName, SettingOrigin>>) => (name: SettingName) => known[name] ?? 'default';

describe('export', () => {
  test('holds what was saved, and nothing that this run has from elsewhere', () => {
    const current = sampleSettings({ queue_limit: 7, port: 4000 });
    const settings = { current, origin: origins({ queue_limit: 'file', port: 'flag' }) };
    expect(exported(settings, '1.2.3')).toEqual({ flow: '1.2.3', settings: { queue_limit: 7 } });
  });
});

describe('import', () => {
  test('takes an export and a bare settings.json, with or without a byte order mark', () => {
    expect(imported('{"flow":"1","settings":{"port":4000}}')).toEqual({ port: 4000 });
    expect(imported('\uFEFF{"port":4000}')).toEqual({ port: 4000 });
  });

  test.each(['', 'port = 4000', '[]', '"text"', 'null'])('refuses %p in words', (text) => {
    expect(() => imported(text)).toThrow(/^That /);
  });
});
