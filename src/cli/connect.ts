/** `flow connect`: sets an agent up to use a model of Flow's, and takes that back. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { createInterface } from 'node:readline/promises';
import type { Agent, AgentFacts, Plan } from '#src/agents/agent.ts';
import { AGENTS, agentNamed } from '#src/agents/agents.ts';
import { checkedAddress } from '#src/agents/budget.ts';
import { KEY_TO_PUT_IN, snippetOf } from '#src/agents/snippet.ts';
import { readConfig } from '#src/config.ts';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import type { Capabilities } from '#src/models/model.ts';
import { type Command, type Context, EXIT, print } from './command.ts';
import { type Connection, connections } from './connect/ledger.ts';
import { connect, type Draft, drafts, undo } from './connect/perform.ts';
import { connectionsTable, printedPlan, reportOf, undoneText } from './connect/words.ts';
import { NotRunning } from './gateway-api.ts';

/** For `--print` without a running Flow, when nobody knows better. */
const CONTEXT_TOKENS_ASSUMED = 32_768;
const MODEL_TO_PUT_IN = 'YOUR-MODEL';

/** The command; with no agent it lists them. */
export const connectCommand: Command = {
  name: 'connect',
  usage: '[AGENT]',
  summary: 'Set up a coding agent to use a model of yours; --undo takes it back',
  examples: [
    'flow connect',
    'flow connect claude --model qwen3',
    'flow connect codex --print',
    'flow connect claude --undo',
  ],
  options: {
    model: { type: 'string' },
    url: { type: 'string' },
    key: { type: 'string' },
    print: { type: 'boolean' },
    undo: { type: 'boolean' },
    yes: { type: 'boolean', short: 'y' },
  },
  positionals: [0, 1],
  async run(context) {
    const [name] = context.positionals;
    const { dataDir } = readConfig(context.flags, context.environment);
    if (name === undefined) return list(context, dataDir);
    const agent = agentNamed(name);
    if (context.flags.undo === true) return takeBack(context, dataDir, agent);
    return context.flags.print === true ? printOnly(context, agent) : setUp(context, dataDir, agent);
  },
};

function list(context: Context, dataDir: string): number {
  const known = connections(dataDir);
  const rows = AGENTS.map((agent) => {
    const connection = known.find((one) => one.agent === agent.name) ?? null;
    const program = Bun.which(agent.program, { PATH: context.environment.PATH ?? '' });
    return { name: agent.name, title: agent.title, program, model: connection?.model ?? null };
  });
  print(context, rows, () => connectionsTable(rows, context.terminal.columns));
  return EXIT.ok;
}

async function printOnly(context: Context, agent: Agent): Promise<number> {
  const { facts, note } = await factsOrAssumed(context, agent);
  // What is printed is shown to others, too; only a key that was just typed is no secret here.
  const isHidden = facts.apiKey !== null && context.flags.key === undefined;
  const snippet = snippetOf(agent, isHidden ? { ...facts, apiKey: KEY_TO_PUT_IN } : facts);
  const notes = [
    ...(note === null ? [] : [note]),
    ...(isHidden ? [`Put your key in place of ${KEY_TO_PUT_IN}.`] : []),
    ...snippet.notes,
  ];
  print(context, { ...snippet, notes, model: facts.modelId }, () => printedPlan({ ...snippet, notes }));
  return EXIT.ok;
}

async function setUp(context: Context, dataDir: string, agent: Agent): Promise<number> {
  const facts = await factsOf(context, agent);
  const plan = agent.plan(facts, existsSync);
  const former = connections(dataDir).find((one) => one.agent === agent.name) ?? null;
  const made = drafts(plan, former);
  const report = reportOf(agent, facts, plan, made);
  const wish = await wishOf(context, report.changes, made);
  if (wish === 'no') {
    context.terminal.say('Nothing was changed.\n');
    return EXIT.ok;
  }
  const connectedAt = new Date().toISOString();
  const about: Omit<Connection, 'files'> = { agent: agent.name, model: facts.modelId, url: facts.baseUrl, connectedAt };
  connect(dataDir, made, about, facts.apiKey);
  print(context, jsonReport(agent, facts, plan, made), () => (wish === 'yes' ? '' : report.changes) + report.rest);
  return EXIT.ok;
}

/** Asks only where somebody can answer, and shows what it asks about; what is written can be undone. */
async function wishOf(context: Context, changes: string, made: readonly Draft[]): Promise<'yes' | 'no' | 'unasked'> {
  const { flags, terminal, isJson, signal } = context;
  const isChanging = made.some(({ found, text }) => found.text !== text);
  if (!isChanging || flags.yes === true || isJson || !terminal.isInteractive || !process.stdin.isTTY) return 'unasked';
  terminal.say(changes);
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^\s*n/i.test(await reader.question('Write this? [Y/n] ', { signal })) ? 'no' : 'yes';
  } catch {
    // Ctrl-C is an answer too.
    return 'no';
  } finally {
    reader.close();
  }
}

function jsonReport(agent: Agent, facts: AgentFacts, plan: Plan, made: readonly Draft[]): JsonObject {
  return {
    agent: agent.name,
    model: facts.modelId,
    context_tokens: facts.contextTokens,
    files: made.map(({ found, text }) => ({
      path: found.path,
      status: found.text === null ? 'created' : found.text === text ? 'unchanged' : 'changed',
    })),
    command: plan.command,
    warnings: plan.warnings,
    notes: plan.notes,
    undo: `flow connect ${agent.name} --undo`,
  };
}

function takeBack(context: Context, dataDir: string, agent: Agent): number {
  const undone = undo(dataDir, agent.name);
  print(context, { agent: agent.name, files: undone }, () => undoneText(agent, undone));
  return EXIT.ok;
}

async function factsOrAssumed(context: Context, agent: Agent): Promise<{ facts: AgentFacts; note: string | null }> {
  try {
    return { facts: await factsOf(context, agent), note: null };
  } catch (cause) {
    if (!(cause instanceof NotRunning)) throw cause;
    const modelId = stringOrNull(context.flags.model) ?? MODEL_TO_PUT_IN;
    const note = `${cause.message} A context of ${CONTEXT_TOKENS_ASSUMED} tokens is assumed; put in the true one.`;
    const capabilities = { tools: true, thinking: false, vision: false, embedding: false };
    const assumed = { modelId, modelName: modelId, contextTokens: CONTEXT_TOKENS_ASSUMED, capabilities };
    return { facts: { ...assumed, ...placeOf(context) }, note };
  }
}

/** What the running gateway says of the model. */
async function factsOf(context: Context, agent: Agent): Promise<AgentFacts> {
  const wanted = stringOrNull(context.flags.model);
  const query = wanted === null ? '' : `?${new URLSearchParams({ model: wanted })}`;
  const { model } = await context.api.json('GET', `/api/agents/${agent.name}${query}`);
  const facts: JsonObject = isObject(model) ? model : {};
  const modelId = stringOrNull(facts.id);
  const contextTokens = numberOrNull(facts.context_tokens);
  if (modelId === null || contextTokens === null) throw new NotRunning(context.api.baseUrl, { isTaken: true });
  const modelName = stringOrNull(facts.name) ?? modelId;
  return { modelId, modelName, contextTokens, capabilities: capabilitiesIn(facts.capabilities), ...placeOf(context) };
}

function placeOf({ flags, environment, api }: Context) {
  const url = stringOrNull(flags.url);
  const key = stringOrNull(flags.key);
  if (key === '') throw new Fault('invalid-request', '--key is empty; leave it out or give it a value.');
  const { apiKey } = readConfig(flags, environment);
  return {
    baseUrl: checkedAddress(url ?? api.baseUrl),
    apiKey: key ?? apiKey,
    home: environment.HOME || homedir(),
    environment,
  };
}

function capabilitiesIn(value: unknown): Capabilities {
  const given: JsonObject = isObject(value) ? value : {};
  const has = (name: string): boolean => given[name] === true;
  return { tools: has('tools'), thinking: has('thinking'), vision: has('vision'), embedding: has('embedding') };
}
