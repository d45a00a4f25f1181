/** A question is asked when somebody looks, once, and anew when its answer is too old. */
import { expect, test } from 'bun:test';
import { Fault } from '#src/faults.ts';
import { Enquiry } from '#src/pages/setup/enquiry.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { waitUntil } from '../../support/wait-until.ts';

function openEnquiry(ask: () => Promise<number>) {
  const clock = new FakeClock();
  const seen = { changes: 0 };
  const onChange = () => {
    seen.changes += 1;
  };
  const bounds = { withinMs: 5_000, keptMs: 60_000, retryMs: 1_000 };
  return { clock, seen, enquiry: new Enquiry({ ask, ...bounds, clock, onChange }) };
}

test('many who look make one question, and what is known stays for a while', async () => {
  let asked = 0;
  const { enquiry, clock, seen } = openEnquiry(async () => {
    asked += 1;
    return asked;
  });
  expect([enquiry.look(), enquiry.look()]).toEqual([{ phase: 'asking' }, { phase: 'asking' }]);
  await waitUntil('the answer', () => seen.changes === 1);
  clock.advance(59_000);
  expect(enquiry.look()).toEqual({ phase: 'known', answer: 1 });
  expect(asked).toBe(1);
  clock.advance(2_000);
  // The old answer stands until the new one is there.
  expect(enquiry.look()).toEqual({ phase: 'known', answer: 1 });
  await waitUntil('the next answer', () => seen.changes === 2);
  expect(enquiry.look()).toEqual({ phase: 'known', answer: 2 });
});

test('a refusal is told with what helps, and asked about again sooner', async () => {
  let isAway = true;
  const { enquiry, clock, seen } = openEnquiry(async () => {
    if (isAway) throw new Fault('offline', 'Away.', { hint: 'Wait.' });
    return 7;
  });
  enquiry.look();
  await waitUntil('the refusal', () => seen.changes === 1);
  expect(enquiry.look()).toEqual({ phase: 'trouble', message: 'Away.', hint: 'Wait.' });
  isAway = false;
  clock.advance(1_000);
  enquiry.look();
  await waitUntil('the answer', () => seen.changes === 2);
  expect(enquiry.look()).toEqual({ phase: 'known', answer: 7 });
});

test('an answer to a question from before something changed does not count as new', async () => {
  let asked = 0;
  const first = Promise.withResolvers<number>();
  const { enquiry, seen } = openEnquiry(() => {
    asked += 1;
    return asked === 1 ? first.promise : Promise.resolve(2);
  });
  enquiry.look();
  enquiry.expire();
  first.resolve(1);
  await waitUntil('the old answer', () => seen.changes === 1);
  expect(enquiry.look()).toEqual({ phase: 'known', answer: 1 });
  await waitUntil('the new answer', () => seen.changes === 2);
  expect(enquiry.look()).toEqual({ phase: 'known', answer: 2 });
});

test('one that is closed is told to nobody', async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const { enquiry, seen } = openEnquiry(() => promise);
  enquiry.look();
  enquiry.close();
  resolve(1);
  await promise;
  await Promise.resolve();
  expect(seen.changes).toBe(0);
});
