/** Ends what goes on by itself when the key that opened it is over: a stream of events would otherwise outlive it. */
import type { HeldKey } from '#src/keys/held-key.ts';

const EVENT_STREAM = 'text/event-stream';

/** The answer, whose stream of events ends with the key. Answers of models are ended by their tickets instead. */
export function untilOver<Answer extends Response | undefined>(
  request: Request,
  response: Answer,
  key: HeldKey,
): Answer | Response {
  if (request.method !== 'GET' || !(response instanceof Response) || response.body === null) return response;
  if (!response.headers.get('content-type')?.startsWith(EVENT_STREAM)) return response;
  return new Response(endingWith(response.body, key), response);
}

function endingWith(body: ReadableStream<Uint8Array>, key: HeldKey): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let isOver = false;
  let watch: Disposable | null = null;
  const end = (): void => {
    isOver = true;
    watch?.[Symbol.dispose]();
    reader.cancel().catch(() => {});
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        watch = key.whenOver(() => {
          if (isOver) return;
          end();
          controller.close();
        });
      },
      async pull(controller) {
        const { done, value } = await reader.read();
        if (isOver) return;
        if (!done) return controller.enqueue(value);
        end();
        controller.close();
      },
      cancel: end,
    },
    new CountQueuingStrategy({ highWaterMark: 0 }),
  );
}
