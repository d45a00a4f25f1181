/** What follows when an engine has fallen silent: one that does not even say that it is healthy is ended. */
import type { Fault } from '#src/faults.ts';
import type { ModelId } from '#src/models/model.ts';
import { keyHeader } from './lend.ts';
import type { GatewayServices } from './services.ts';

/** llama-server answers this without asking the loop that generates, so it takes no time however busy it is. */
const HEALTH_MS_MAX = 5_000;

/** Whether a fault says that the engine may never answer again: it fell silent, or mlx_lm's generating thread died. */
export function isEnginesEnd({ kind, message }: Fault): boolean {
  return kind === 'engine-silent' || (kind === 'engine-refused' && message.includes('generation thread died'));
}

/**
 * Unloads a model whose engine answers nothing at all, so that the next request starts it afresh. An engine that still
 * answers is left alone: others may be served by it. Never rejects.
 */
export async function endIfDead({ lender, client, clock }: GatewayServices, modelId: ModelId): Promise<void> {
  const { state } = lender.model(modelId);
  if (state.phase !== 'ready') return;
  const controller = new AbortController();
  using _limit = clock.after(HEALTH_MS_MAX, () => controller.abort());
  const asked = { method: 'GET', path: '/health', headers: { ...keyHeader(state) }, body: null } as const;
  const isAlive = await client
    .send(state.baseUrl, { ...asked, signal: controller.signal })
    .then(async (answer) => {
      await answer.text();
      // mlx_lm says so when the thread that generates has died; llama-server, which says it while it loads, is ready.
      return state.speech.knowsLlamaFields || answer.status !== 503;
    })
    .catch(() => false);
  const now = lender.model(modelId).state;
  if (isAlive || now.phase !== 'ready' || now.generation !== state.generation) return;
  lender.unload(modelId, { force: true, reason: 'unhealthy' });
}
