/** What follows when an engine has fallen silent: one that does not even say that it is healthy is ended. */
import type { ModelId } from '#src/models/model.ts';
import { keyHeader } from './lend.ts';
import type { GatewayServices } from './services.ts';

/** llama-server answers this without asking the loop that generates, so it takes no time however busy it is. */
const HEALTH_MS_MAX = 5_000;

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
    .then((answer) => answer.text())
    .then(
      () => true,
      () => false,
    );
  const now = lender.model(modelId).state;
  if (isAlive || now.phase !== 'ready' || now.generation !== state.generation) return;
  lender.unload(modelId, { force: true, reason: 'unhealthy' });
}
