/** WebSocket `/ws` with the seed's messages, for clients that were written for it. What a client sends is ignored. */
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import type { Timer } from '#src/clock.ts';
import type { Bus, FlowEvent } from '#src/events.ts';
import { activityOf, type SlotActivity } from '#src/requests/activity.ts';
import { requestsByModel, trackedRequest } from '#src/requests/wire.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import { Changes } from './changes.ts';
import type { LiveSource } from './wire.ts';

export type SocketParts = { readonly bus: Bus; readonly source: LiveSource };

/** The way to one client. */
type Wire = {
  send(text: string): void;
  /** Bytes given to `send` that the client has not taken yet. */
  backlogBytes(): number;
};

const FLUSH_INTERVAL_MS = 100;
/** Beyond this nothing more is sent until the client reads; it is then told the newest state of each thing. */
const BACKLOG_BYTES_MAX = 256 * 1024;

export const socketRoutes = ({ bus, source }: SocketParts) => {
  const feeds = new Map<string, SocketFeed>();
  return new Elysia({ name: 'socket-routes' }).ws('/ws', {
    ...access('read'),
    open(socket) {
      const wire: Wire = {
        send: (text) => void socket.raw.send(text),
        backlogBytes: () => socket.raw.getBufferedAmount(),
      };
      feeds.set(socket.id, new SocketFeed({ bus, source }, wire));
    },
    message() {},
    close(socket) {
      feeds.get(socket.id)?.[Symbol.dispose]();
      feeds.delete(socket.id);
    },
  });
};

/** One client, from `init` until disposed. */
export class SocketFeed implements Disposable {
  readonly #source: LiveSource;
  readonly #wire: Wire;
  readonly #changes: Changes;
  #timer: Timer | null = null;
  /** Which process of each model the client knows to be loaded. */
  readonly #loaded = new Map<string, number>();
  readonly #slotCounts = new Map<string, number>();

  constructor({ bus, source }: SocketParts, wire: Wire) {
    this.#source = source;
    this.#wire = wire;
    this.#changes = new Changes({ bus, onDirty: () => this.#arm() });
    this.#init();
  }

  [Symbol.dispose](): void {
    this.#changes[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  #arm(): void {
    this.#timer ??= this.#source.clock.after(FLUSH_INTERVAL_MS, () => {
      this.#timer = null;
      if (this.#wire.backlogBytes() > BACKLOG_BYTES_MAX) this.#arm();
      else this.#flush();
    });
  }

  #init(): void {
    this.#wire.send(JSON.stringify({ type: 'init', data: { requests: requestsByModel(this.#source.tracker.list()) } }));
    for (const { modelId, state } of this.#source.fleet().models) {
      if (state.phase === 'ready') this.#loaded.set(modelId, state.generation);
    }
  }

  #flush(): void {
    const { isResync, events } = this.#changes.take();
    if (isResync) this.#init();
    const models = new Map(this.#source.fleet().models.map((model) => [model.modelId, model]));
    const stirred = new Set<string>();
    for (const event of events) {
      this.#tell(event, models);
      if ('modelId' in event && event.type !== 'model-removed') stirred.add(event.modelId);
    }
    for (const modelId of stirred) {
      const model = models.get(modelId);
      if (model) this.#tellActivity(model);
    }
  }

  #tell(event: FlowEvent, models: ReadonlyMap<string, FleetModel>): void {
    switch (event.type) {
      case 'request-changed': {
        const view = this.#source.tracker.find(event.requestId);
        if (view) this.#send('request_update', trackedRequest(view));
        return;
      }
      case 'request-removed':
        return this.#send('request_removed', { request_id: event.requestId });
      case 'model-changed':
        return this.#tellLoaded(event.modelId, models.get(event.modelId));
      case 'model-removed':
        this.#loaded.delete(event.modelId);
        this.#slotCounts.delete(event.modelId);
        return this.#send('model_deleted', { model_id: event.modelId });
    }
  }

  #tellLoaded(modelId: string, model: FleetModel | undefined): void {
    const known = this.#loaded.get(modelId);
    if (model?.state.phase === 'ready') {
      const { generation, port, pid } = model.state;
      if (known === generation) return;
      this.#loaded.set(modelId, generation);
      return this.#send('model_loaded', { model_id: modelId, port, pid });
    }
    if (this.#loaded.delete(modelId)) this.#send('model_unloaded', { model_id: modelId });
  }

  #tellActivity(model: FleetModel): void {
    const activity = activityOf(model, this.#source.tracker.list());
    const slots: readonly SlotActivity[] = [
      ...activity.slots,
      ...freed(activity.slots.length, this.#slotCounts.get(model.modelId) ?? 0),
    ];
    this.#slotCounts.set(model.modelId, activity.slots.length);
    for (const slot of slots) this.#send('slot_update', { model_id: model.modelId, ...slot });
    this.#send('metrics_update', {
      model_id: model.modelId,
      slots_processing: activity.slots_processing,
      slots_deferred: activity.slots_deferred,
      tokens_per_sec: activity.tokens_per_sec,
      kv_cache_usage: activity.kv_cache_usage,
    });
  }

  #send(type: string, data: unknown): void {
    this.#wire.send(JSON.stringify({ type, data, ts: this.#source.clock.wallMs() / 1000 }));
  }
}

/** The slots that were busy when the client was last told, and are not now. */
function freed(busy: number, before: number): readonly SlotActivity[] {
  const count = Math.max(0, before - busy);
  return Array.from({ length: count }, (_, index) => ({ slot_id: busy + index, state: 'idle', progress: null }));
}
