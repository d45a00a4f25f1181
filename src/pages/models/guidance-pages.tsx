/** @jsxImportSource @kitajs/html */
/** What helps to use a model: what was found in its chat template, and how agents are told of it. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { AGENTS } from '#src/agents/agents.ts';
import { type AgentRoutesParts, agentSetUp } from '#src/agents/routes.ts';
import { Fault } from '#src/faults.ts';
import type { Model } from '#src/models/model.ts';
import type { Checked, TemplateBook } from '#src/templates/template-book.ts';
import type { TemplateFacts } from '#src/templates/verdict.ts';
import type { Shell } from '#src/web/shell.tsx';
import { AgentSetup } from '#views/models/agent-setup.tsx';
import { OutlookTrouble } from '#views/models/outlook.tsx';
import { TemplateReport, type TemplateReportData } from '#views/models/template-report.tsx';
import { shownBeside } from './load-pages.tsx';

export type GuidancePagesParts = {
  readonly shell: Shell;
  readonly templates: Pick<TemplateBook, 'check'>;
  readonly agents: AgentRoutesParts;
  /** Throws Fault('model-not-found'). */
  readonly needModel: (modelId: string) => Model;
};

const MODEL_ID = Type.String({ minLength: 1, maxLength: 200 });
const ModelQuery = Type.Object({ model: MODEL_ID });
const AgentQuery = Type.Object({ model: MODEL_ID, agent: Type.Optional(Type.String({ maxLength: 60 })) });

/** `/models/template` and `/models/agent`. */
export const guidancePages = ({ shell, templates, agents, needModel }: GuidancePagesParts) =>
  new Elysia({ name: 'model-guidance-pages' })
    .get(
      '/models/template',
      async ({ request, query }) => {
        const report = reportOf(await templates.check(needModel(query.model)));
        const nothing = <OutlookTrouble message="It has no chat template that can be read." hint={null} />;
        return shownBeside(shell, request, report === null ? nothing : <TemplateReport report={report} />);
      },
      { ...access('page'), query: ModelQuery },
    )
    .get(
      '/models/agent',
      ({ request, query }) => shownBeside(shell, request, setupOf(agents, query.model, query.agent ?? null, request)),
      { ...access('page'), query: AgentQuery },
    );

function setupOf(parts: AgentRoutesParts, modelId: string, wanted: string | null, request: Request): JSX.Element {
  try {
    const { agent, connect, files, command, warnings, notes } = agentSetUp(
      parts,
      wanted ?? AGENTS[0]?.name ?? '',
      modelId,
      request,
    );
    const agents = AGENTS.map(({ name, title }) => ({ name, title }));
    return <AgentSetup setup={{ modelId, agents, agent, connect, files, command, warnings, notes }} />;
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.kind === 'model-not-found') throw cause;
    return <OutlookTrouble message={cause.message} hint={cause.hint} />;
  }
}

/** The first is the one that a load uses; null = there is none. */
function reportOf([used, ...others]: readonly Checked[]): TemplateReportData | null {
  if (!used) return null;
  const { source, verdict } = used;
  return {
    isValid: verdict.isValid,
    source: source.kind === 'gguf' ? "the model's own" : source.file,
    findings: verdict.findings.map(({ severity, message, detail }) => ({ severity, message, detail })),
    facts: verdict.facts === null ? [] : factWords(verdict.facts),
    text: source.text,
    others: others.map(({ source: { name, file } }) => name ?? file),
  };
}

function factWords(facts: TemplateFacts): readonly string[] {
  const { supportsTools, supportsParallelCalls, supportsThinking, switchesThinking } = facts;
  const keeps = { never: 'are dropped', 'before-results': 'stay until the answer is complete', always: 'stay' };
  return [
    supportsTools
      ? `Tools are told to the model${supportsParallelCalls ? ', several calls at once too' : ', one call at a time'}.`
      : 'It says nothing of tools to the model.',
    supportsThinking
      ? `It knows thoughts${switchesThinking ? ', and can be told to think or not' : ''}; earlier ones ${keeps[facts.keepsThoughts]}.`
      : 'It knows nothing of thoughts.',
    `A system message is ${facts.supportsSystem ? 'kept' : 'not kept'}; a second one is ${facts.secondSystem}.`,
    `Two user messages in a row are ${facts.consecutiveUsers}.`,
  ];
}
