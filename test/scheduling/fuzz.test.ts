/**
 * Random lives of the whole scheduler on a fake clock, with invariants after each step. The real fleet and the real
 * life cycle; only the processes are timers. Named situations are in `fleet.test.ts`, the policies' tables beside it.
 *
 * Every check runs some 20,000 steps, CI 100,000; by hand as many as one likes, from a seed of one's own:
 * FLOW_FUZZ_SEED=7 FLOW_FUZZ_STEPS=2000000 bun test --timeout 0 test/scheduling/fuzz.test.ts
 * A failure says its seed and step, and the line that repeats it.
 */
import { expect, test } from 'bun:test';
import { assert } from '#src/assert.ts';
import { BRIEF_LEASES_MAX } from '#src/scheduling/seat.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type Asked, type Fate, flushed, GB, GOOD, World } from './world.ts';

const { FLOW_FUZZ_SEED, FLOW_FUZZ_STEPS, CI } = process.env;
const SEEDS = FLOW_FUZZ_SEED ? [Number(FLOW_FUZZ_SEED)] : CI ? [1, 2, 3, 4, 5, 6, 7, 8] : [1, 2];
const STEPS = Number(FLOW_FUZZ_STEPS ?? (CI ? 12_800 : 9_600));
/** Ten times what a step takes. */
const TIMEOUT_MS = Math.max(60_000, STEPS);
/** After so many steps everybody is let finish, and then nobody may be left waiting. */
const STEPS_BETWEEN_RESTS = 1_600;
const MODELS = ['a', 'b', 'c', 'd/e', 'f', 'g'];
/** Those are of a kind of which only so many run at a time. */
const MLX_MODELS: readonly string[] = ['b', 'c', 'f'];
const BUDGETS_GB = [8, 12, 16, 24];
const CALLERS = ['agent', 'agent', 'agent', 'chat', 'cli'];

class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    // The factor spreads small seeds over all states.
    this.#next = seededRandom(seed * 2_654_435_769);
  }

  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  of<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    assert(item !== undefined, 'something to choose from');
    return item;
  }
}

class Life {
  readonly world = new World();
  readonly random: Random;
  readonly asked: Asked[] = [];
  readonly granted = new Map<string, number>();
  readonly order = new Map<Asked, number>();
  #count = 0;
  #reservedBefore = 0;
  #mlxBefore = 0;
  settledCount = 0;
  isResting = false;

  constructor(seed: number) {
    this.random = new Random(seed);
    for (const [index, id] of MODELS.entries()) {
      this.world.add(id, 2 + index * 2, GOOD, MLX_MODELS.includes(id) ? 'mlx' : 'gguf');
    }
    this.world.settings = { ...this.world.settings, queue_limit: 12, queue_limit_per_key: 18 };
    // Listeners may call back into the fleet while they are being told.
    this.world.bus.subscribe((event) => {
      if (event.type === 'queue-changed' && !this.isResting && this.random.below(40) === 0)
        this.#ask(this.random.of(MODELS));
    });
  }

  step(): void {
    const { world, random } = this;
    const id = random.of(MODELS);
    const dice = random.below(100);
    if (dice < 2) for (let burst = 0; burst < 15; burst += 1) this.#ask(id);
    else if (dice < 34) this.#ask(id);
    else if (dice < 60) this.#holders().length > 0 && random.of(this.#holders()).end();
    else if (dice < 64) this.asked.length > 0 && random.of(this.asked).controller.abort();
    else if (dice < 84) world.clock.advance(random.of([1, 50, 400, 1_500, 6_000, 30_000, 70_000]));
    else if (dice < 87) world.fates.set(id, this.#fate());
    else if (dice < 89) world.supervisors.get(id)?.isLive && world.supervisors.get(id)?.crash();
    else if (dice < 92) this.#unload(id, random.below(3) === 0);
    else if (dice < 94) this.#load(id);
    else if (dice < 96) this.#change();
    else if (dice < 97) world.fleet.keep(id, random.of([0, 3, 60, 'forever', 'default'] as const));
    else if (dice < 98) world.held.set(id, random.of([1, 2, 20, 40]) * GB);
    else if (dice < 99)
      world.configure(id, { is_pinned: random.below(4) === 0, cooldown_s: random.of([null, 0, 5, 60]) });
    else this.#budget();
  }

  /** Lets everybody finish under good conditions. Whoever still waits then was forgotten. */
  async rest(): Promise<void> {
    const { world } = this;
    this.isResting = true;
    for (const id of MODELS) {
      world.fates.set(id, { loadMs: 500, end: 'ready', livesMs: null, stopMs: 50 });
      world.configure(id, { is_pinned: false, cooldown_s: null });
    }
    // A changed configuration may have let something start within the budget as it still is, or have lifted a closing:
    // whoever was let in by that is yet to hear it.
    await flushed();
    this.check();
    world.set({ mlx_processes_max: 1 });
    await flushed();
    this.check();
    world.budgetBytes = 16 * GB;
    world.set({ jit_enabled: true, queue_wait_seconds: 86_400, min_residency_seconds: 10, starvation_seconds: 60 });
    for (let turn = 0; turn < 400 && this.asked.length > 0; turn += 1) {
      await flushed();
      this.check();
      for (const holder of this.#holders()) holder.end();
      world.clock.advance(1_000);
      this.#forgetSettled();
    }
    const left = this.asked.map((one) => `${one.modelId}: ${JSON.stringify(one.waits.at(-1))}`);
    expect(left).toEqual([]);
    expect(world.fleet.snapshot().queue).toEqual([]);
    world.set({ queue_wait_seconds: 600 });
    this.isResting = false;
  }

  check(): void {
    const { world } = this;
    const { models, memory } = world.fleet.snapshot();
    const byArrival = this.asked.toSorted((a, b) => (this.order.get(a) ?? 0) - (this.order.get(b) ?? 0));
    for (const one of byArrival) this.#checkOrder(one);
    for (const model of models) {
      const held = this.asked.filter((one) => one.lease && isHeld(one, model.modelId, model.state)).length;
      const brief = this.asked.filter(
        (one) => one.isBrief && one.lease && isHeld(one, model.modelId, model.state),
      ).length;
      assert(brief <= BRIEF_LEASES_MAX, `at most ${BRIEF_LEASES_MAX} leases without a slot of ${model.modelId}`);
      assert(held - brief <= world.slots, `no more leases with a slot than slots of ${model.modelId}`);
      assert(model.inFlight === held, `in flight (${model.inFlight}) = leases held (${held}) of ${model.modelId}`);
      const isLive = world.supervisors.get(model.modelId)?.isLive ?? false;
      assert(!isLive || model.reserved !== null, `a reservation for the process of ${model.modelId}`);
      const hasProcess = ['starting', 'ready', 'stopping'].includes(model.state.phase);
      assert(
        hasProcess === (model.reserved !== null),
        `reserved = running for ${model.modelId} (${model.state.phase})`,
      );
    }
    const isWithin = memory.reservedBytes <= Math.max(memory.budgetBytes, this.#reservedBefore);
    assert(isWithin, 'reservations within the budget, or less than before it shrank');
    this.#reservedBefore = memory.reservedBytes;
    this.#checkMlx();
    this.#forgetSettled();
  }

  #forgetSettled(): void {
    const isOver = (one: Asked): boolean => one.fault !== null || (one.lease !== null && ended.has(one));
    for (let index = this.asked.length - 1; index >= 0; index -= 1) {
      const one = this.asked[index];
      if (!one || !isOver(one)) continue;
      this.asked.splice(index, 1);
      this.settledCount += 1;
    }
  }

  #checkMlx(): void {
    // Reserved, not live: one that was admitted under a higher limit may have its process later.
    const { models } = this.world.fleet.snapshot();
    const running = models.filter(({ modelId, reserved }) => reserved && MLX_MODELS.includes(modelId)).length;
    const most = this.world.settings.mlx_processes_max || MLX_MODELS.length;
    assert(running <= Math.max(most, this.#mlxBefore), `at most ${most} MLX processes, not ${running}`);
    this.#mlxBefore = running;
  }

  #checkOrder(one: Asked): void {
    const order = this.order.get(one);
    if (!one.lease || order === undefined) return;
    this.order.delete(one);
    // Callers overtake each other, and those who need no slot those who do.
    const queue = `${one.modelId} ${one.isBrief} ${one.caller}`;
    const last = this.granted.get(queue) ?? 0;
    assert(order > last, `first come, first served for ${queue}`);
    this.granted.set(queue, order);
  }

  #ask(id: string): void {
    // Before the call: a listener that asks meanwhile comes later.
    this.#count += 1;
    const order = this.#count;
    const before = this.world.fleet.model(id).waiting;
    const one = this.world.ask(id, 'r', this.random.below(5) === 0, this.random.of(CALLERS));
    const endNow = one.end.bind(one);
    one.end = () => {
      ended.add(one);
      endNow();
    };
    this.asked.push(one);
    this.order.set(one, order);
    // One that needs no slot passes by a full queue; asked for by a listener, it is served in the next round.
    const limit = this.world.settings.queue_limit + (one.isBrief ? 1 : 0);
    assert(this.world.fleet.model(id).waiting <= Math.max(before, limit), 'the queue within its limit');
  }

  #holders(): readonly Asked[] {
    return this.asked.filter((one) => one.lease !== null && !ended.has(one));
  }

  #unload(id: string, force: boolean): void {
    const { inFlight, waiting } = this.world.fleet.model(id);
    this.world.isForced = force;
    try {
      this.world.fleet.unload(id, { force });
      assert(force || inFlight + waiting === 0, 'a refusal to unload a busy model');
    } catch (cause) {
      assert((cause as { kind?: string }).kind === 'conflict', `a conflict, not ${cause}`);
    } finally {
      this.world.isForced = false;
    }
  }

  #load(id: string): void {
    try {
      this.world.fleet.load(id, this.random.of([{}, { ctx_size: 4096 }, { ctx_size: 1_000_000 }]));
    } catch (cause) {
      const { kind } = cause as { kind?: string };
      assert(kind === 'conflict' || kind === 'no-memory', `a conflict or no memory, not ${cause}`);
    }
  }

  #change(): void {
    const { random } = this;
    this.world.set({
      jit_enabled: random.below(8) > 0,
      jit_cooldown_enabled: random.below(4) > 0,
      jit_cooldown_seconds: random.of([0, 5, 300]),
      min_residency_seconds: random.of([0, 10, 100]),
      starvation_seconds: random.of([1, 60]),
      queue_wait_seconds: random.of([5, 600]),
      mlx_processes_max: random.of([1, 1, 1, 2, 0]),
    });
  }

  #budget(): void {
    this.world.budgetBytes = this.random.of(BUDGETS_GB) * GB;
    this.world.bus.publish({ type: 'settings-changed', keys: ['memory_limit_gb'] });
  }

  #fate(): Fate {
    const { random } = this;
    return {
      loadMs: random.of([0, 20, 800, 20_000]),
      end: random.below(5) > 0 ? 'ready' : random.of(['out-of-memory', 'out-of-memory', 'unknown', 'load-stalled']),
      isSticky: random.below(8) === 0,
      livesMs: random.of([null, null, null, null, null, null, 10, 5_000]),
      stopMs: random.of([0, 50, 3_000, null]),
    };
  }
}

const ended = new WeakSet<Asked>();

/** A lease counts while it is not given back and its process is the present one. */
function isHeld(one: Asked, modelId: string, state: { phase: string; generation?: number }): boolean {
  return one.modelId === modelId && !ended.has(one) && one.lease?.generation === state.generation;
}

for (const seed of SEEDS) {
  test(
    `seed ${seed}: ${STEPS} random steps break no invariant and leave nobody waiting`,
    async () => {
      const life = new Life(seed);
      for (let step = 1; step <= STEPS; step += 1) {
        try {
          life.step();
          await flushed();
          life.check();
          if (step % STEPS_BETWEEN_RESTS === 0) await life.rest();
        } catch (cause) {
          const again = `FLOW_FUZZ_SEED=${seed} FLOW_FUZZ_STEPS=${step} bun test test/scheduling/fuzz.test.ts`;
          const what = cause instanceof Error ? cause.message : cause;
          throw new Error(`seed ${seed}, step ${step}: ${what}; again: ${again}`, { cause });
        }
      }
      if (STEPS >= STEPS_BETWEEN_RESTS) expect(life.settledCount).toBeGreaterThan(STEPS / 5);
      life.isResting = true;
      for (const id of MODELS) life.world.ask(id);
      const gone = life.world.fleet.shutdown(30_000);
      await life.world.pass(60_000, 1_000);
      await gone;
      expect(life.world.live).toEqual([]);
      expect(life.world.fleet.snapshot().memory.reservedBytes).toBe(0);
      life.world.clock.advance(3_600_000);
      expect(life.world.clock.armedCount).toBe(0);
    },
    TIMEOUT_MS,
  );
}
