/** `flow doctor`: looks at everything Flow needs, changes nothing, and says a fix for what is wrong. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { type Config, readConfig } from '#src/config.ts';
import { openFilesMax } from '#src/descriptors.ts';
import { overview } from '#src/engines/overview.ts';
import { asFault } from '#src/faults.ts';
import { Hardware } from '#src/host/hardware.ts';
import { type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { findModels } from '#src/models/scan.ts';
import type { Settings } from '#src/settings/settings.ts';
import { dataDirHolder } from '#src/store/data-dir.ts';
import { hasStoredKeys } from '#src/store/stored-keys.ts';
import { ProcessRegistry } from '#src/supervision/process-registry.ts';
import packageFile from '../../package.json' with { type: 'json' };
import { type Command, type Context, EXIT, print } from './command.ts';
import {
  checkDatabase,
  checkDataDir,
  checkModes,
  checkOverrides,
  checkSettings,
  checkSpace,
} from './doctor/data-checks.ts';
import {
  checkBudget,
  checkEngines,
  checkLeftovers,
  checkMlx,
  checkModelFiles,
  checkTemplates,
  smallestNeed,
} from './doctor/engine-checks.ts';
import { checkExternal } from './doctor/external-checks.ts';
import { bad, type Finding, good, warning } from './doctor/finding.ts';
import { checkClock, checkExposedEngines, checkOpenFiles, checkSetAside, checkSleep } from './doctor/machine-checks.ts';
import { type Answering, checkExposure, checkPort, checkProxies, checkRivals } from './doctor/network-checks.ts';
import { checkHubToken, checkKeys } from './doctor/secret-checks.ts';
import { checkService } from './doctor/service-checks.ts';
import { checkUpdates } from './doctor/update-checks.ts';
import { NotRunning } from './gateway-api.ts';
import { type LocalEngines, readEngines } from './local-engines.ts';
import { objects } from './models.ts';
import { safe } from './terminal.ts';

const BUN_RANGE = '>=1.4.0';
const ANSWER_MS = 3_000;
const MARKS = { good: '✓', warning: '!', bad: '✗' } as const;
const COLORS = { good: 32, warning: 33, bad: 31 } as const;

/** `flow doctor`: code 0 when nothing keeps Flow from working, else 1. */
export const doctorCommand: Command = {
  name: 'doctor',
  usage: '',
  summary: 'Find what is wrong with the set-up, and say the fix; changes nothing',
  examples: ['flow doctor', 'flow doctor --json', 'flow doctor --data-dir /srv/flow'],
  positionals: [0, 0],
  async run(context) {
    const findings = await examine(context);
    const isWell = !findings.some(({ level }) => level === 'bad');
    print(context, { ok: isWell, findings }, () => report(findings, context.terminal.hasColor));
    return isWell ? EXIT.ok : EXIT.failed;
  },
};

function report(findings: readonly Finding[], hasColor: boolean): string {
  const lines = findings.map(({ level, says, fix }) => {
    const mark = hasColor ? `\u001b[${COLORS[level]}m${MARKS[level]}\u001b[0m` : MARKS[level];
    return `${mark} ${safe(says)}\n${fix === null ? '' : `    ${safe(fix)}\n`}`;
  });
  const count = (level: Finding['level']): number => findings.filter((one) => one.level === level).length;
  const problems = count('bad') === 1 ? '1 problem' : `${count('bad')} problems`;
  const remarks = count('warning') === 1 ? '1 remark' : `${count('warning')} remarks`;
  return `${lines.join('')}\n${problems}, ${remarks}.\n`;
}

async function examine(context: Context): Promise<readonly Finding[]> {
  const { environment } = context;
  const config = readConfig(context.flags, environment);
  using local = await readEngines({ flags: context.flags, environment });
  const settings = local.settings.current;
  const answering = await whoAnswers(context);
  const [port, ofSettings, rivals, exposed, ofHub, overrides] = await Promise.all([
    checkPort(settings, answering, packageFile.version),
    checkSettings(config.dataDir),
    checkRivals(settings.port),
    checkExposedEngines(),
    checkHubToken(config.dataDir, settings.hub_url),
    checkOverrides(config),
  ]);
  return [
    checkBun(Bun.version),
    checkDataDir(config.dataDir, process.getuid?.() ?? null),
    ...checkModes(config.dataDir),
    ...ofSettings,
    ...overrides,
    checkDatabase(config.dataDir),
    ...checkSetAside(config.dataDir),
    ...checkKeys(config.dataDir, Date.now()),
    ...ofHub,
    ...checkSpace(config.dataDir, settings.models_dir),
    port,
    ...(answering.kind === 'flow' ? checkHolder(config) : []),
    checkExposure(settings, hasKey(config), config.isOpenAllowed),
    checkProxies(environment),
    ...exposed,
    ...checkService(context.flags, environment),
    checkOpenFiles(openFilesMax()),
    checkClock(config.dataDir, Date.now()),
    checkSleep(settings.keep_awake, environment),
    ...(answering.kind === 'flow' ? await askRunning(context, settings) : await askDisk(config, local)),
    ...rivals,
  ];
}

/** One that Flow is started with, or one that somebody was given. */
function hasKey({ apiKey, dataDir }: Config): boolean {
  return apiKey !== null || hasStoredKeys(join(dataDir, 'flow.db'), Date.now());
}

/** Pure. */
export function checkBun(version: string): Finding {
  const isEnough = Bun.semver.satisfies(version, BUN_RANGE);
  return isEnough ? good('bun', `Bun ${version}.`) : bad('bun', `Bun ${version} is older than 1.4.`, 'bun upgrade');
}

async function whoAnswers({ api, signal }: Context): Promise<Answering> {
  const bound = AbortSignal.timeout(ANSWER_MS);
  try {
    const response = await api.open('GET', '/health', undefined, AbortSignal.any([bound, signal]));
    const health: JsonObject = JSON.parse(await response.text());
    return health.service === 'flow'
      ? { kind: 'flow', version: stringOrNull(health.version) ?? 'of unknown version' }
      : { kind: 'stranger' };
  } catch (cause) {
    if (bound.aborted) return { kind: 'silent' };
    return { kind: cause instanceof NotRunning && !cause.isTaken ? 'nobody' : 'stranger' };
  }
}

/** What was looked at on the disk may not be what the running Flow uses. */
function checkHolder({ dataDir }: Config): readonly Finding[] {
  if (dataDirHolder(dataDir) !== null) return [];
  const fix = 'Say which is meant with --data-dir (or FLOW_DATA_DIR), or with --port.';
  return [warning('data-dir', `The Flow that runs uses another data directory than ${dataDir}.`, fix)];
}

/** Engines, models and memory, as the running Flow sees them. */
async function askRunning({ api }: Context, settings: Settings): Promise<readonly Finding[]> {
  try {
    const [engines, listing, hardware, external] = await Promise.all([
      api.json('GET', '/api/engines'),
      api.json('GET', '/api/models'),
      api.json('GET', '/api/hardware'),
      api.json('GET', '/api/external'),
    ]);
    const models = objects(listing.value);
    return [
      ...checkEngines(engines, settings.engine_auto_install),
      ...checkMlx(engines, models, settings.engine_auto_install),
      ...checkUpdates(engines),
      ...checkModelFiles(models),
      ...checkTemplates(models),
      ...checkExternal(external),
      checkBudget(numberOrNull(hardware.memory_budget_bytes) ?? Number.POSITIVE_INFINITY, smallestNeed(models)),
    ];
  } catch (cause) {
    const { message, kind } = asFault(cause);
    if (kind !== 'unauthorized') throw cause;
    return [bad('key', message, 'Set FLOW_API_KEY to the key that Flow was started with.')];
  }
}

/** The same without a running Flow: by probing engines and by the sizes of model files. */
async function askDisk({ dataDir }: Config, local: LocalEngines): Promise<readonly Finding[]> {
  const { current } = local.settings;
  const hardware = new Hardware({ clock: systemClock, settings: () => current });
  await hardware.look();
  const { models: found } = await findModels(current.models_dir);
  const models = found.map(({ path }) => ({
    size_gb: (statSync(path, { throwIfNoEntry: false })?.size ?? 0) / 1e9,
    is_demo: path.endsWith('/flow-demo.gguf'),
  }));
  const registry = new ProcessRegistry({ path: join(dataDir, 'engines.pids.json') });
  const engines = await overview(local);
  return [
    ...checkEngines(engines, current.engine_auto_install),
    ...checkMlx(engines, [], current.engine_auto_install),
    checkLeftovers(dataDirHolder(dataDir) === null ? registry.leftovers() : []),
    checkBudget(hardware.budgetBytes, smallestNeed(models)),
  ];
}
