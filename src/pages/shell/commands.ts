/** What can be done from anywhere, as things are now. */
import type { Model } from '#src/models/model.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import { NAV_ENTRIES } from '#views/nav.tsx';
import type { Command } from '#views/shell/palette.tsx';

/** Pages first, then what may be done to models: those in memory before the others. */
export function commandsFor(models: readonly Model[], fleet: readonly FleetModel[]): readonly Command[] {
  const pages = NAV_ENTRIES.map(
    ({ label, href, icon }): Command => ({ title: label, hint: 'page', icon, does: { kind: 'go', href } }),
  );
  const states = new Map(fleet.map(({ modelId, state }) => [modelId, state.phase]));
  const ofModels = models.map((model) => {
    const phase = states.get(model.id) ?? 'idle';
    return { isHeld: phase === 'ready' || phase === 'starting', command: commandFor(model, phase) };
  });
  const held = ofModels.filter(({ isHeld }) => isHeld).map(({ command }) => command);
  const others = ofModels.filter(({ isHeld }) => !isHeld).map(({ command }) => command);
  return [...pages, ...held, ...others];
}

function commandFor({ id, name }: Model, phase: string): Command {
  const fields = { model: id };
  if (phase === 'ready' || phase === 'starting') {
    const does = { kind: 'post', action: '/monitor/unloading', fields } as const;
    return { title: `Unload ${name}`, hint: phase === 'ready' ? 'ready' : 'loading', icon: 'stopping', does };
  }
  return {
    title: `Load ${name}`,
    hint: 'not loaded',
    icon: 'loading',
    does: { kind: 'post', action: '/monitor/loading', fields },
  };
}
