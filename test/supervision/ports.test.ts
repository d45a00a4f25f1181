// Ports for engines, against the real system.
import { expect, test } from 'bun:test';
import { Fault } from '#src/faults.ts';
import { answers, FIRST_PORT, Ports } from '#src/supervision/ports.ts';

function occupied() {
  return Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
}

test('ports begin at 8081', () => {
  const ports = new Ports({ isFree: () => true });
  using lease = ports.reserve();
  expect(lease.port).toBe(FIRST_PORT);
});

test('a port in use is passed over', () => {
  const listener = occupied();
  try {
    const ports = new Ports({ first: listener.port, last: listener.port + 200 });
    using lease = ports.reserve();
    expect(lease.port).toBeGreaterThan(listener.port);
  } finally {
    listener.stop(true);
  }
});

test('a port is lent once until it is given back, and giving it back twice is harmless', () => {
  const ports = new Ports({ isFree: () => true });
  const first = ports.reserve();
  const second = ports.reserve();
  expect(second.port).toBe(first.port + 1);
  first[Symbol.dispose]();
  const third = ports.reserve();
  expect(third.port).toBe(first.port);
  first[Symbol.dispose]();
  expect(ports.reserve().port).toBe(second.port + 1);
});

test('a port to be avoided is not lent', () => {
  expect(new Ports({ isFree: () => true }).reserve(new Set([FIRST_PORT])).port).toBe(FIRST_PORT + 1);
});

test('a lent port can be bound at once', () => {
  using lease = new Ports().reserve();
  const listener = Bun.listen({ hostname: '127.0.0.1', port: lease.port, socket: { data() {} } });
  expect(listener.port).toBe(lease.port);
  listener.stop(true);
});

test('when all are taken, the refusal says so', () => {
  const ports = new Ports({ first: 9000, last: 9001, isFree: () => false });
  expect(() => ports.reserve()).toThrow(Fault);
  expect(() => ports.reserve()).toThrow('All ports from 9000 to 9001 are taken.');
});

test('a port that can be bound is passed over while a program on all addresses answers there', async () => {
  const listener = Bun.listen({ hostname: '0.0.0.0', port: 0, socket: { data() {} } });
  try {
    // As on macOS, where the bind succeeds.
    const ports = new Ports({
      first: listener.port,
      last: listener.port + 200,
      isFree: () => true,
      isAnswered: answers,
    });
    using lease = await ports.claim(new Set());
    expect(lease.port).toBeGreaterThan(listener.port);
    using next = ports.reserve(new Set(), listener.port);
    expect(next.port).toBe(listener.port);
  } finally {
    listener.stop(true);
  }
});

test('the refusal names the ports that were looked at', () => {
  const ports = new Ports({ first: 9000, last: 9005, isFree: () => false });
  expect(() => ports.reserve(new Set(), 9003)).toThrow('All ports from 9003 to 9005 are taken.');
});
