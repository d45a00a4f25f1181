/**
 * What changed, and the bus that says so. An event names the thing that changed and carries no state of it:
 * listeners read the current state when they are ready to show it, so a lost event cannot leave a lie on a screen.
 */
export type FlowEvent =
  | { readonly type: 'model-changed'; readonly modelId: string }
  | { readonly type: 'model-added'; readonly modelId: string }
  | { readonly type: 'model-removed'; readonly modelId: string }
  | { readonly type: 'request-changed'; readonly requestId: string; readonly modelId: string }
  | { readonly type: 'request-removed'; readonly requestId: string; readonly modelId: string }
  | { readonly type: 'queue-changed' }
  | { readonly type: 'memory-changed' }
  | { readonly type: 'engine-install-changed'; readonly engine: string }
  | { readonly type: 'download-changed'; readonly downloadId: string }
  | { readonly type: 'log-line'; readonly source: string }
  | { readonly type: 'settings-changed'; readonly keys: readonly string[] }
  | { readonly type: 'keys-changed' }
  | { readonly type: 'notice'; readonly tone: 'info' | 'warning' | 'error'; readonly text: string };

export type Listener = (event: FlowEvent) => void;

/**
 * Carries events to whoever listens, synchronously and in order. A listener that throws is reported once per throw
 * to `onListenerFault` and does not keep the others from hearing.
 */
export class Bus {
  readonly #listeners = new Set<Listener>();
  readonly #onListenerFault: (cause: unknown) => void;

  constructor(onListenerFault: (cause: unknown) => void = () => {}) {
    this.#onListenerFault = onListenerFault;
  }

  /** Tells every listener. Never throws. */
  publish(event: FlowEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (cause) {
        this.#onListenerFault(cause);
      }
    }
  }

  /** Listens until the returned function is called. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** How many listen now; for tests and `/metrics`. */
  get listenerCount(): number {
    return this.#listeners.size;
  }
}
