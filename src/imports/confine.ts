/** A plan read from text that somebody gave: unlike a file in its usual place, it need not be the user's own. */
import { asFault } from '#src/faults.ts';
import type { ImportPlan, NotTaken, PlannedModel } from './plan.ts';

/**
 * Leaves behind what lies where this caller may not register models from. `checkPlace` throws a Fault for such a path.
 * Further files of a start are held against the engines' own folders when the plan is settled.
 */
export function confined(plan: ImportPlan, checkPlace: (path: string) => unknown): ImportPlan {
  const notTaken: NotTaken[] = [...plan.notTaken];
  const isAllowed = (what: string, path: string): boolean => {
    try {
      checkPlace(path);
      return true;
    } catch (cause) {
      const { message, hint } = asFault(cause);
      notTaken.push({ what, why: hint ? `${message} ${hint}` : message });
      return false;
    }
  };
  const models = plan.models.flatMap((model): readonly PlannedModel[] => {
    if (!isAllowed(model.id, model.path)) return [];
    const { chat_template_file: template, ...launch } = model.launch;
    // A template is copied to where it can be read again, so it must not be any file of this machine.
    if (!template || isAllowed(`${model.id}: chat template`, template)) return [model];
    return [{ ...model, launch }];
  });
  return { ...plan, models, notTaken };
}
