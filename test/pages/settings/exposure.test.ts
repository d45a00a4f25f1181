/** Who can reach Flow, in words. */
import { describe, expect, test } from 'bun:test';
import { exposure, nextStart } from '#src/pages/settings/exposure.ts';

const door = {
  ...{ host: '127.0.0.1', port: 3377, addresses: ['192.168.1.20', '10.0.0.7'] },
  ...{ hasKey: false, isKeyRequired: false, isOpenAllowed: false },
};

describe('exposure', () => {
  test('loopback is this computer only, with or without a key', () => {
    expect(exposure(door).sentence).toBe('Reachable from this computer only, at 127.0.0.1:3377.');
    expect(exposure({ ...door, hasKey: true }).hint).toBe('No API key is asked for here.');
    expect(exposure({ ...door, hasKey: true, isKeyRequired: true }).hint).toBe('Every caller must show an API key.');
    expect(exposure({ ...door, host: '::1' }).sentence).toContain('[::1]:3377');
  });

  test('every address of the machine is named when all are listened on', () => {
    const { sentence, tone } = exposure({ ...door, host: '0.0.0.0', hasKey: true });
    expect(sentence).toBe('Reachable from your network at 192.168.1.20:3377, 10.0.0.7:3377, with an API key.');
    expect(tone).toBe('good');
  });

  test('where Flow was told to be open everybody can, also when others have keys, which is a warning', () => {
    const open = { ...door, host: '192.168.1.20', isOpenAllowed: true, hasKey: true };
    expect(exposure({ ...open, isKeyRequired: true }).tone).toBe('good');
    const { sentence, tone, hint } = exposure(open);
    expect(sentence).toBe('Reachable from your network at 192.168.1.20:3377 by everybody, without a key.');
    expect(tone).toBe('warning');
    expect(hint).toContain('Make a key');
  });

  test('when the last key is gone nobody else can, and the owner is told', () => {
    const { sentence, tone } = exposure({ ...door, host: '192.168.1.20' });
    expect([sentence.includes('nobody there has a key'), tone]).toEqual([true, 'warning']);
  });
});

describe('the next start', () => {
  test('is not mentioned when it changes nothing', () => {
    expect(nextStart(door, { host: '127.0.0.1', port: 3377 }, false)).toBeNull();
  });

  test('is told with the new address', () => {
    expect(nextStart(door, { host: '127.0.0.1', port: 4000 }, false)).toContain('127.0.0.1:4000');
  });

  test('that would refuse for want of a key is told before it happens', () => {
    expect(nextStart(door, { host: '0.0.0.0', port: 3377 }, false)).toContain('would refuse');
    expect(nextStart({ ...door, hasKey: true }, { host: '0.0.0.0', port: 3377 }, false)).not.toContain('refuse');
    expect(nextStart(door, { host: '0.0.0.0', port: 3377 }, true)).not.toContain('refuse');
  });
});
