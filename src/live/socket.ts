/** WebSocket `/ws` with the seed's messages, for clients that were written for it. What a client sends is ignored. */
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import type { Timer } from '#src/clock.ts';
import type { Bus, FlowEvent } from '#src/events.ts';
import { activityOf, type SlotActivity } from '#src/requests/activity.ts';
import { requestsByModel, trackedRequest } from '#src/requests/wire.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import { Changes } from './changes.ts';
import type { KeyOf } from './events.ts';
import { Places } from './places.ts';
import type { LiveSource } from './wire.ts';

export type SocketParts = { readonly bus: Bus; readonly source: LiveSource };
/** `keyOf` tells whose a socket is. */
export type SocketRoutesParts = SocketParts & { readonly keyOf: KeyOf };

/** Sends one message; false when the client does not keep up, which `drained` ends. */
type Send = (text: string) => boolean;

const FLUSH_INTERVAL_MS = 100;

export const socketRoutes = ({ bus, source, keyOf }: SocketRoutesParts) => {
  const feeds = new Map<string, { readonly feed: SocketFeed; readonly place: Disposable }>();
  const places = new Places('sockets');
  return new Elysia({ name: 'socket-routes' }).ws('/ws', {
    ...access('read'),
    // A refusal is an answer in words only before the handshake.
    beforeHandle: ({ request }) => places.refuseIfFull(keyOf(request)),
    open({ id, raw, data }) {
      const feed = new SocketFeed({ bus, source }, (text) => raw.send(text) > 0);
      feeds.set(id, { feed, place: places.take(keyOf(data.request)) });
    },
    message() {},
    drain({ id }) {
      feeds.get(id)?.feed.drained();
    },
    close({ id }) {
      const { feed, place } = feeds.get(id) ?? {};
      feed?.[Symbol.dispose]();
      place?.[Symbol.dispose]();
      feeds.delete(id);
    },
  });
};

/**
 * One client, from `init` until disposed. While it does not keep up nothing is sent; it is then told the newest state
 * of each thing.
 */
export class SocketFeed implements Disposable {
  readonly #source: LiveSource;
  readonly #deliver: Send;
  readonly #changes: Changes;
  #timer: Timer | null = null;
  #isBehind = false;
  /** Which process of each model the client knows to be loaded. */
  readonly #loaded = new Map<string, number>();
  readonly #slotCounts = new Map<string, number>();

  constructor({ bus, source }: SocketParts, deliver: Send) {
    this.#source = source;
    this.#deliver = deliver;
    this.#changes = new Changes({ bus, onDirty: () => this.#arm() });
    this.#init();
  }

  [Symbol.dispose](): void {
    this.#changes[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  /** The client has read all that was sent. */
  drained(): void {
    this.#isBehind = false;
    if (this.#changes.isDirty) this.#arm();
  }

  #arm(): void {
    this.#timer ??= this.#source.clock.after(FLUSH_INTERVAL_MS, () => {
      this.#timer = null;
      if (!this.#isBehind) this.#flush();
    });
  }

  #init(): void {
    this.#push({ type: 'init', data: { requests: requestsByModel(this.#source.tracker.list()) } });
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
        break;
      }
      case 'request-removed':
        this.#send('request_removed', { request_id: event.requestId });
        break;
      case 'download-changed':
        this.#tellDownloaded(event.downloadId);
        break;
      case 'model-changed':
        this.#tellLoaded(event.modelId, models.get(event.modelId));
        break;
      case 'model-removed':
        this.#loaded.delete(event.modelId);
        this.#slotCounts.delete(event.modelId);
        this.#send('model_deleted', { model_id: event.modelId });
    }
  }

  #tellDownloaded(downloadId: string): void {
    const download = this.#source.downloads.find(downloadId);
    if (download?.state !== 'complete' || download.model_id === null) return;
    this.#send('model_downloaded', { model_id: download.model_id });
  }

  #tellLoaded(modelId: string, model: FleetModel | undefined): void {
    if (model?.state.phase !== 'ready') {
      if (this.#loaded.delete(modelId)) this.#send('model_unloaded', { model_id: modelId });
      return;
    }
    const { generation, port, pid } = model.state;
    if (this.#loaded.get(modelId) === generation) return;
    this.#loaded.set(modelId, generation);
    this.#send('model_loaded', { model_id: modelId, port, pid });
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
    this.#push({ type, data, ts: this.#source.clock.wallMs() / 1000 });
  }

  #push(message: { readonly type: string; readonly data: unknown; readonly ts?: number }): void {
    if (!this.#deliver(JSON.stringify(message))) this.#isBehind = true;
  }
}

/** The slots that were busy when the client was last told, and are not now. */
function freed(busy: number, before: number): readonly SlotActivity[] {
  const count = Math.max(0, before - busy);
  return Array.from({ length: count }, (_, index) => ({ slot_id: busy + index, state: 'idle', progress: null }));
}
