/** The bus: in order, at once, and no listener can hurt another. */
import { expect, test } from 'bun:test';
import { Bus, type FlowEvent } from '#src/events.ts';

const added = (modelId: string): FlowEvent => ({ type: 'model-added', modelId });
const idOf = (event: FlowEvent) => ('modelId' in event ? event.modelId : event.type);

test('every listener hears every event, in order, before publish returns', () => {
  const bus = new Bus();
  const heard: string[] = [];
  bus.subscribe((event) => heard.push(`first ${idOf(event)}`));
  bus.subscribe((event) => heard.push(`second ${idOf(event)}`));
  bus.publish(added('a'));
  bus.publish(added('b'));
  expect(heard).toEqual(['first a', 'second a', 'first b', 'second b']);
});

test('a listener that throws is told of and keeps nobody from hearing', () => {
  const faults: unknown[] = [];
  const bus = new Bus((cause) => faults.push(cause));
  const heard: string[] = [];
  const cause = new Error('broken');
  bus.subscribe(() => {
    throw cause;
  });
  bus.subscribe((event) => heard.push(idOf(event)));
  bus.publish(added('a'));
  bus.publish(added('b'));
  expect(heard).toEqual(['a', 'b']);
  expect(faults).toEqual([cause, cause]);
});

test('who leaves hears nothing more, also when it leaves while it hears, and may leave twice', () => {
  const bus = new Bus();
  const heard: string[] = [];
  const leave = bus.subscribe((event) => {
    heard.push(idOf(event));
    leave();
  });
  bus.subscribe((event) => heard.push(`other ${idOf(event)}`));
  bus.publish(added('a'));
  bus.publish(added('b'));
  leave();
  expect(heard).toEqual(['a', 'other a', 'other b']);
  expect(bus.listenerCount).toBe(1);
});

test('what is published while something is published is heard by all, after what caused it', () => {
  const bus = new Bus();
  const heard: string[] = [];
  bus.subscribe((event) => {
    heard.push(idOf(event));
    if (idOf(event) === 'cause') bus.publish(added('effect'));
  });
  bus.publish(added('cause'));
  expect(heard).toEqual(['cause', 'effect']);
});

test('without anybody to tell, a fault of a listener ends nothing', () => {
  const bus = new Bus();
  bus.subscribe(() => {
    throw new Error('broken');
  });
  expect(() => bus.publish(added('a'))).not.toThrow();
});
