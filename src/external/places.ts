/** Who is interested in which base URL: it is pinned for as long as a model that is served there is connected. */
import type { SocketEngineClient } from '#src/transport/client.ts';

/** Keeps the pins of the client. */
export class Places {
  readonly #client: SocketEngineClient;
  readonly #members = new Map<string, Set<() => void>>();

  constructor(client: SocketEngineClient) {
    this.#client = client;
  }

  /** From now on `onTrouble` is called whenever something went wrong at that base URL; leaving is done by disposing. */
  join(baseUrl: string, onTrouble: () => void): Disposable {
    const members = this.#members.get(baseUrl) ?? new Set();
    this.#members.set(baseUrl, members.add(onTrouble));
    return {
      [Symbol.dispose]: () => {
        members.delete(onTrouble);
        this.release(baseUrl);
      },
    };
  }

  /** Tells everybody there. */
  trouble(baseUrl: string): void {
    for (const tell of [...(this.#members.get(baseUrl) ?? [])]) tell();
  }

  /** Whether a model is connected there. */
  has(baseUrl: string): boolean {
    return (this.#members.get(baseUrl)?.size ?? 0) > 0;
  }

  /** Forgets where it is, when nobody is interested any more. */
  release(baseUrl: string): void {
    if (this.has(baseUrl)) return;
    this.#members.delete(baseUrl);
    this.#client.unpin(baseUrl);
  }
}
