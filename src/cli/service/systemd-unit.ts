/** Flow as a user's own unit of systemd. Pure. Words of systemd.service(5), systemd.exec(5), systemd.syntax(7). */

import type { ServicePlan } from './plan.ts';
import { MARK } from './service-file.ts';

/** The name by which systemd knows it. */
export const UNIT_NAME = 'flow.service';

/**
 * The unit file. Only such confinement as needs no namespaces of the kernel's, which many systems refuse to users, and
 * as engines bear: they reach GPUs, write caches where they like, and make code at run time.
 */
export function systemdUnit({ argv, environment }: ServicePlan): string {
  // A colon keeps systemd from reading $ in arguments.
  const [program = '', ...rest] = argv.map(quoted);
  const variables = Object.entries(environment).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`);
  return `# ${MARK}
# To change it: systemctl --user edit flow
[Unit]
Description=Flow, a gateway to the models on this machine
# Five crashes within five minutes are no accident; "systemctl --user reset-failed flow" tries again.
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart=:${[program, ...rest].join(' ')}
WorkingDirectory=/
${variables.join('\n')}
Restart=on-failure
RestartSec=5
# A refused configuration, a taken port: starting again would end the same way.
RestartPreventExitStatus=2 3
# Flow alone is asked to stop: it lets answers end (30 s) and ends its engines itself. What is left then is killed.
KillMode=mixed
TimeoutStopSec=45
# An engine that takes too much memory is ended by the kernel; Flow is to go on and say so.
OOMPolicy=continue
LimitNOFILE=65536
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictSUIDSGID=yes

[Install]
WantedBy=default.target
`;
}

/** Program and arguments of a unit; empty when it has none. */
export function programOfUnit(text: string): readonly string[] {
  const line = /^ExecStart=:?(.*)$/m.exec(text)?.[1] ?? '';
  return [...line.matchAll(/"((?:\\.|[^"\\])*)"/g)].map(([, word = '']) =>
    word.replaceAll(/\\(.)/g, '$1').replaceAll('%%', '%'),
  );
}

/** A word that means itself: quoted, and no specifier in it. */
function quoted(word: string): string {
  return `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`;
}
