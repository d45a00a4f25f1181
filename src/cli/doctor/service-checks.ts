/** The service file: whether it is Flow's, starts what is there, and starts this Flow with this data. */
import type { Environment, Flags } from '#src/config.ts';
import { planService } from '../service/plan.ts';
import { standingAt } from '../service/service-file.ts';
import { managerNamed } from '../service/service-managers.ts';
import { goneFrom } from '../service.ts';
import { bad, type Finding, good, warning } from './finding.ts';

/** Nothing where Flow is no service. */
export function checkService(flags: Flags, environment: Environment): readonly Finding[] {
  const check = 'service';
  const fix = 'flow service install';
  return (['systemd', 'launchd'] as const).flatMap((name) => {
    const manager = managerNamed(name, environment);
    const standing = standingAt(manager.path);
    if (standing.kind === 'absent') return [];
    if (standing.kind === 'foreign') {
      return [warning(check, `${manager.path} was not written by Flow.`, 'Move it away to let Flow have its place.')];
    }
    const program = manager.programIn(standing.text);
    const gone = goneFrom(program);
    if (gone.length > 0 || program.length === 0) {
      const what = gone.length > 0 ? `what is no longer there: ${gone.join(', ')}` : 'nothing';
      return [bad(check, `${manager.path} starts ${what}.`, fix)];
    }
    const { argv } = planService(flags, environment);
    if (argv.join('\0') === program.join('\0')) return [good(check, `The service of ${name} starts this Flow.`)];
    return [warning(check, `The service of ${name} starts another Flow: ${program.join(' ')}.`, fix)];
  });
}
