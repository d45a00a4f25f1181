/** What may be done with the engines of any shelf, and the words for what may not. */
import { Fault } from '#src/faults.ts';
import type { InstalledEngine } from './engine.ts';
import type { EngineList } from './shelf.ts';

/** Why an engine is the same for all of a run, as a sentence; `variable` is what names it. */
export function fixedWords(variable: string): string {
  return `${variable} names the engine, so Flow uses no other in this run.`;
}

/** A choice that would have no effect is refused: a person would wait for it in vain. */
export function fixedChoice(variable: string): Fault {
  return new Fault('conflict', fixedWords(variable), { hint: `Start Flow without ${variable} to choose one.` });
}

/** No engine of this name is listed. */
export function unknownEngine(id: string): Fault {
  return new Fault('not-found', `There is no engine \`${id}\`.`, { hint: '`flow engines` lists them.' });
}

/**
 * The engine that somebody named; `who` begins the sentence that says so. Throws Fault('engine-missing') when it does
 * not work or is not there: another is never taken in its place.
 */
export function usableEngine(
  { installed, broken }: EngineList,
  id: string,
  who: string,
  hint: string,
): InstalledEngine {
  const engine = installed.find((each) => each.id === id);
  if (engine) return engine;
  const reason = broken.find((each) => each.id === id)?.reason ?? 'There is no such engine.';
  const message = `${who} \`${id.replace(/^path:/, '')}\`, which cannot be used: ${reason}`;
  throw new Fault('engine-missing', message, { hint });
}

/** Throws unless this engine may be removed: Flow installed it, it serves no model, and nobody has chosen it. */
export function requireRemovable(
  { installed, broken }: EngineList,
  id: string,
  { executablesInUse, chosenId }: { readonly executablesInUse: readonly string[]; readonly chosenId: string },
): void {
  const engine = [...installed, ...broken].find((each) => each.id === id);
  if (!engine) throw unknownEngine(id);
  if (engine.origin !== 'installed') {
    throw new Fault('conflict', `\`${id}\` was not installed by Flow, so Flow does not remove it.`);
  }
  if (executablesInUse.includes(engine.executable)) {
    throw new Fault('conflict', `\`${id}\` serves a model now.`, { hint: 'Unload its models first.' });
  }
  if (chosenId === id) {
    throw new Fault('conflict', `\`${id}\` is the chosen engine.`, { hint: 'Choose another one first.' });
  }
}

/** Throws Fault('cancelled') when nobody waits for the engine any more. */
export function throwIfLeft(signal: AbortSignal): void {
  if (signal.aborted) throw left();
}

/** The promise's result, or Fault('cancelled') as soon as whoever waits has left; the work itself goes on. */
export async function unlessLeft<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(left());
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function left(): Fault {
  return new Fault('cancelled', 'Nobody waits for the engine any more.');
}
