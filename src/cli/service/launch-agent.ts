/** Flow as a launch agent of macOS. Pure. Keys of launchd.plist(5). */

import type { ServicePlan } from './plan.ts';
import { MARK } from './service-file.ts';

/** The name by which launchd knows it. */
export const AGENT_LABEL = 'flow.gateway';

const OPEN_FILES_MAX = 65_536;
/** Flow lets answers end for 30 s; launchd's own patience is 20 s. */
const STOP_S_MAX = 45;
/** A Flow that cannot start is not tried more often than this. */
const RESTART_S_MIN = 30;
const UMASK = 0o077;

type Value = string | number | boolean | readonly string[] | { readonly [key: string]: Value };

/** The property list. `Interactive` keeps macOS from slowing down what runs in the background. */
export function launchAgent({ argv, environment, outputPath }: ServicePlan): string {
  const agent: Value = {
    Label: AGENT_LABEL,
    ProgramArguments: argv,
    // Its lines are in its own logs; here stands only what is said before there are any.
    EnvironmentVariables: { ...environment, FLOW_LOG_FORMAT: 'off' },
    WorkingDirectory: '/',
    RunAtLoad: true,
    KeepAlive: { SuccessfulExit: false },
    ThrottleInterval: RESTART_S_MIN,
    ExitTimeOut: STOP_S_MAX,
    ProcessType: 'Interactive',
    SoftResourceLimits: { NumberOfFiles: OPEN_FILES_MAX },
    Umask: UMASK,
    StandardOutPath: '/dev/null',
    StandardErrorPath: outputPath,
  };
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${MARK} -->
<plist version="1.0">
${element(agent)}
</plist>
`;
}

/** Program and arguments of a property list; empty when it has none. */
export function programOfAgent(text: string): readonly string[] {
  const list = /<key>ProgramArguments<\/key>\s*<array>([\s\S]*?)<\/array>/.exec(text)?.[1] ?? '';
  return [...list.matchAll(/<string>([^<]*)<\/string>/g)].map(([, word = '']) =>
    word.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'),
  );
}

function element(value: Value, indent = ''): string {
  if (typeof value === 'string') return `${indent}<string>${escaped(value)}</string>`;
  if (typeof value === 'number') return `${indent}<integer>${value}</integer>`;
  if (typeof value === 'boolean') return `${indent}<${value}/>`;
  const inner = `${indent}  `;
  if (isList(value))
    return [`${indent}<array>`, ...value.map((one) => element(one, inner)), `${indent}</array>`].join('\n');
  const entries = Object.entries(value).flatMap(([key, one]) => [
    `${inner}<key>${escaped(key)}</key>`,
    element(one, inner),
  ]);
  return [`${indent}<dict>`, ...entries, `${indent}</dict>`].join('\n');
}

const isList = (value: Value): value is readonly string[] => Array.isArray(value);

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
