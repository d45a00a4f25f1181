/** Which faults an operation may be answered with, and in whose words. Pure. */
import type { Access } from '#src/access.ts';
import { FAULTS, type FaultKind } from '#src/faults.ts';
import type { Operation, Tag } from './operation.ts';

/** What asking a model may meet. */
const INFERENCE: readonly FaultKind[] = [
  'invalid-request',
  'context-overflow',
  'model-not-found',
  'queue-full',
  'engine-refused',
  'engine-unreachable',
  'engine-silent',
  'engine-missing',
  'load-failed',
  'no-memory',
  'model-unloaded',
  'queue-timeout',
  'shutting-down',
  'unprocessable',
  'conflict',
];
/** Anthropic's own status for what passes by itself. */
const OVERLOADED_STATUS = 529;
const CHANGING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** What is known of an operation when its faults are looked for. */
export type FaultGround = {
  readonly method: string;
  readonly path: string;
  readonly access: Access;
  readonly tag: Tag;
  readonly takesInput: boolean;
  readonly operation: Operation;
};

/** Kinds by status, in order of the status; 500 is no answer that anybody may count on. */
export function expectedFaults(ground: FaultGround): ReadonlyMap<number, readonly FaultKind[]> {
  const byStatus = new Map<number, FaultKind[]>();
  for (const kind of new Set([...kindsFor(ground), ...(ground.operation.faults ?? [])])) {
    const status = statusIn(ground.tag, kind);
    byStatus.set(status, [...(byStatus.get(status) ?? []), kind]);
  }
  return new Map([...byStatus].sort(([one], [other]) => one - other));
}

/** The component that an operation's errors have. */
export function errorComponent(tag: Tag, path: string): string {
  if (tag === 'Anthropic') return 'AnthropicError';
  if (tag === 'Ollama') return 'OllamaError';
  if (path === '/props' || path === '/slots') return 'Error | OpenAIError';
  return tag === 'OpenAI' || tag === 'llama-server' ? 'OpenAIError' : 'Error';
}

function kindsFor({ method, path, access, takesInput }: FaultGround): readonly FaultKind[] {
  const isChanging = CHANGING.has(method);
  return [
    // The Host header is looked at before anything else.
    'forbidden',
    ...(access.scope === 'public' ? [] : (['unauthorized', 'rate-limited'] as const)),
    ...(takesInput || isChanging ? (['invalid-request'] as const) : []),
    ...(path.includes('{') ? (['not-found'] as const) : []),
    ...(isChanging ? (['too-large', 'unsupported-media'] as const) : []),
    ...(access.scope === 'infer' && method === 'POST' ? INFERENCE : []),
    ...(access.scope === 'infer' && (takesInput || path.includes('{')) ? (['model-not-found'] as const) : []),
    ...(access.scope === 'manage' ? (['disk-full'] as const) : []),
  ];
}

/** Anthropic's clients repeat whatever is 500 or more, so there it is 400 where repeating does not help. */
function statusIn(tag: Tag, kind: FaultKind): number {
  const { status, retry } = FAULTS[kind];
  if (tag !== 'Anthropic' || status < 500) return status;
  return retry ? OVERLOADED_STATUS : FAULTS['invalid-request'].status;
}
