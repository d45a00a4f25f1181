/** Engines: one that works, what is wrong with the others, and what a former Flow left running. Pure. */
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import type { RegisteredProcess } from '#src/supervision/process-registry.ts';
import { objects } from '../models.ts';
import { bad, type Finding, good, warning } from './finding.ts';

const INSTALL = 'flow engines install llama.cpp';

const word = (value: unknown): string => stringOrNull(value) ?? 'of unknown version';

/** `found` as `/api/engines` answers. */
export function checkEngines(found: JsonObject, isAutoInstalled: boolean): readonly Finding[] {
  const check = 'engine';
  const installed = objects(found.installed);
  const chosen = installed.find(({ is_chosen }) => is_chosen === true);
  const named = objects(found.broken).filter(({ origin }) => origin === 'environment');
  const others = objects(found.broken)
    .filter(({ origin }) => origin !== 'environment')
    .map((engine) =>
      warning(check, `${word(engine.executable)} cannot be used: ${word(engine.reason)}`, fixFor(engine)),
    );
  if (named.length > 0) {
    const fix = 'Correct FLOW_LLAMA_SERVER (or --llama-server), or do without it.';
    const lines = named.map((engine) =>
      bad(check, `${word(engine.executable)} cannot be used: ${word(engine.reason)}`, fix),
    );
    return [...lines, ...others];
  }
  if (chosen) return [good(check, `llama.cpp ${word(chosen.version)} works (${word(chosen.executable)}).`), ...others];
  if (installed.length > 0) {
    const fix = `flow engines choose ${word(installed[0]?.id)}`;
    return [bad(check, 'The engine that the setting engine_choice names cannot be used.', fix), ...others];
  }
  if (isAutoInstalled)
    return [warning(check, 'There is no engine yet; the first load fetches one.', INSTALL), ...others];
  return [bad(check, 'There is no engine, and engine_auto_install is off.', INSTALL), ...others];
}

function fixFor(engine: JsonObject): string {
  if (engine.origin === 'installed') return `flow engines remove ${word(engine.id)}, then ${INSTALL}`;
  return 'Repair or remove it; Flow does without it.';
}

/**
 * MLX servers: those that do not work, and whether one serves the MLX models there are. `found` as `/api/engines`
 * answers, `models` as `/api/models` does.
 */
export function checkMlx(
  found: JsonObject,
  models: readonly JsonObject[],
  isAutoInstalled: boolean,
): readonly Finding[] {
  const check = 'mlx';
  const parts = isObject(found.kinds) ? Object.entries(found.kinds) : [];
  const ofMlx = parts.flatMap(([kind, part]) => (kind.startsWith('mlx') && isObject(part) ? [part] : []));
  const broken = ofMlx.flatMap((part) => objects(part.broken));
  const said = broken.map((engine) => {
    const fix =
      engine.origin === 'installed' ? `flow engines remove ${word(engine.id)}` : 'Repair it, or do without it.';
    return warning(check, `${word(engine.executable)} cannot be used: ${word(engine.reason)}`, fix);
  });
  const count = models.filter(({ backend, external }) => backend === 'mlx' && external !== true).length;
  const chosen = ofMlx.flatMap((part) => objects(part.installed)).filter(({ is_chosen }) => is_chosen === true);
  if (chosen.length > 0) {
    const names = chosen.map(({ kind, version }) => `${word(kind)} ${word(version)}`).join(', ');
    return [good(check, `MLX models are served by ${names}.`), ...said];
  }
  if (count === 0) return said;
  const who = count === 1 ? 'An MLX model is' : `${count} MLX models are`;
  const says = `${who} registered, and no MLX server works here`;
  const fix = 'flow engines install mlx-lm (mlx-vlm for models that see)';
  if (isAutoInstalled) return [warning(check, `${says} yet; the first load fetches one.`, fix), ...said];
  return [bad(check, `${says}, and engine_auto_install is off.`, fix), ...said];
}

/** Engines that should have ended with their Flow. */
export function checkLeftovers(leftovers: readonly RegisteredProcess[]): Finding {
  const check = 'leftovers';
  if (leftovers.length === 0) return good(check, 'No engine of a former Flow is left.');
  const names = leftovers.map(({ modelId, pid }) => `${modelId} (process ${pid})`).join(', ');
  const pids = leftovers.map(({ pid }) => pid).join(' ');
  return warning(
    check,
    `Engines of a former Flow still run: ${names}.`,
    `Start Flow, which ends them, or: kill ${pids}`,
  );
}

/** Registered models whose files are not there, and why. `models` as `/api/models` answers. */
export function checkModelFiles(models: readonly JsonObject[]): readonly Finding[] {
  const check = 'models';
  const gone = models.filter(({ missing }) => isObject(missing));
  if (gone.length === 0) return [good(check, `${models.length} registered, and their files are there.`)];
  return gone.map(({ id, missing }) => {
    const { message, hint } = isObject(missing) ? missing : {};
    const fix = `${stringOrNull(hint) ?? 'Put it back.'} To remove it: flow rm ${word(id)} --keep-files`;
    return warning(check, `${word(id)}: ${word(message)}`, fix);
  });
}

/** Registered models whose chat template does not work. `models` as `/api/models` answers. */
export function checkTemplates(models: readonly JsonObject[]): readonly Finding[] {
  return models
    .filter(({ template_valid }) => template_valid === false)
    .map(({ id, template_errors }) =>
      warning(
        'templates',
        `The chat template of ${word(id)}: ${word(Array.isArray(template_errors) ? template_errors[0] : null)}`,
        `Name another file as chat_template_file: PUT /api/models/${encodeURIComponent(word(id))}/config`,
      ),
    );
}

/** Whether anything but the demo can load at all. Pure; `smallestBytes` null when there is no model. */
export function checkBudget(budgetBytes: number, smallestBytes: number | null): Finding {
  const check = 'memory';
  const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
  const says = `Models may take ${gigabytes(budgetBytes)} together.`;
  if (smallestBytes === null || smallestBytes <= budgetBytes) return good(check, says);
  return bad(
    check,
    `${says} The smallest model needs ${gigabytes(smallestBytes)}.`,
    'Raise memory_limit_gb, lower memory_headroom_gb or its context, or take a smaller model.',
  );
}

/** Bytes that the least of Flow's models would take, the demo and what others run aside; null when there is none. */
export function smallestNeed(models: readonly JsonObject[]): number | null {
  const own = models.filter(({ is_demo, external }) => is_demo !== true && external !== true);
  const needs = own.flatMap((model) => needOf(model) ?? []);
  return needs.length === 0 ? null : Math.min(...needs);
}

function needOf(model: JsonObject): number | null {
  if (!isObject(model)) return null;
  const needs = typeof model.memory_gb === 'number' ? model.memory_gb : model.size_gb;
  return typeof needs === 'number' ? needs * 1e9 : null;
}
