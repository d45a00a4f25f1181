/** What was really sent and received for the last answers, for whoever looks for a fault. In memory only. */

/** One answer's request and response, as text. */
export type RawExchange = { readonly request: string; response: string; isCut: boolean };

const EXCHANGES_MAX = 40;
const RESPONSE_CHARACTERS_MAX = 500_000;
const REQUEST_CHARACTERS_MAX = 1_000_000;

/** Keeps the last exchanges, each up to a bound. */
export class RawExchanges {
  readonly #byTurn = new Map<string, RawExchange>();

  /** Begins a turn's exchange anew. */
  begin(turnId: string, request: string): void {
    this.#byTurn.delete(turnId);
    this.#byTurn.set(turnId, { request: request.slice(0, REQUEST_CHARACTERS_MAX), response: '', isCut: false });
    for (const oldest of this.#byTurn.keys()) {
      if (this.#byTurn.size <= EXCHANGES_MAX) break;
      this.#byTurn.delete(oldest);
    }
  }

  /** Adds to what came back. */
  add(turnId: string, text: string): void {
    const exchange = this.#byTurn.get(turnId);
    if (exchange === undefined || exchange.isCut) return;
    exchange.response += text;
    exchange.isCut = exchange.response.length > RESPONSE_CHARACTERS_MAX;
  }

  /** Null when it was too long ago, or in an earlier run. */
  find(turnId: string): RawExchange | null {
    return this.#byTurn.get(turnId) ?? null;
  }
}
