// The shared ticker. What requests do on a beat is tested in test/gateway/life.test.ts.
import { expect, test } from 'bun:test';
import { BEAT_MS, Pulse } from '#src/stream/pulse.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

test('a pulse beats once a second for all who joined, and stands still when nobody has', () => {
  const clock = new FakeClock();
  const pulse = new Pulse({ clock });
  let beats = 0;
  const beating = (step: number) => ({
    beat: () => {
      beats += step;
    },
  });
  expect(clock.armedCount).toBe(0);
  const first = pulse.join(beating(1));
  const second = pulse.join(beating(10));
  expect(clock.armedCount).toBe(1);
  clock.advance(3 * BEAT_MS);
  expect(beats).toBe(33);
  first[Symbol.dispose]();
  clock.advance(BEAT_MS);
  expect(beats).toBe(43);
  second[Symbol.dispose]();
  expect(clock.armedCount).toBe(0);
});
