/** `/api/templates`: a model's chat template, or any text, with what is wrong with it; and another in its place. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import type { Model } from '#src/models/model.ts';
import type { TemplateWord } from '#src/models/routes.ts';
import { USUAL_TOKENS } from './check.ts';
import type { TemplateOverrides } from './overrides.ts';
import type { Checked, TemplateBook } from './template-book.ts';
import type { Severity, TemplateVerdict } from './verdict.ts';

export type TemplateRoutesParts = {
  readonly book: TemplateBook;
  /** A model by any of its names; throws Fault('model-not-found'). */
  readonly needModel: (name: string) => Model;
  readonly overrides: TemplateOverrides;
};

/** A template of 1 MiB, each of its characters escaped. */
const BODY_BYTES_MAX = 6 << 20;
const CheckBody = t.Object({
  model: t.Optional(t.String({ maxLength: 200 })),
  text: t.Optional(t.String()),
  bos_token: t.Optional(t.String({ maxLength: 200 })),
  eos_token: t.Optional(t.String({ maxLength: 200 })),
});

const OverrideBody = t.Object({
  model: t.String({ maxLength: 200 }),
  /** Null = the model's own again. */
  text: t.Union([t.Null(), t.String()]),
});

/** Models are named beside the path, since their ids may hold slashes. */
export const templateRoutes = ({ book, needModel, overrides }: TemplateRoutesParts) =>
  new Elysia({ name: 'template-routes' })
    .get('/api/templates/check', ({ query }) => ofModel(needModel(query.model), book), {
      ...access('read'),
      query: t.Object({ model: t.String({ maxLength: 200 }) }),
    })
    .post(
      '/api/templates/check',
      async ({ body }) => {
        const { model, text, bos_token = USUAL_TOKENS.begin, eos_token = USUAL_TOKENS.end } = body;
        if (text === undefined && model !== undefined) return ofModel(needModel(model), book);
        if (text === undefined) throw new Fault('invalid-request', 'Give a `model`, or a template as `text`.');
        const tokens = { begin: bos_token, end: eos_token };
        const verdict = await book.checkText({ template: text, tokens, callFormat: null });
        return { model_id: null, source: 'text', file: null, text, ...shown(verdict), others: [] };
      },
      { ...access('manage', BODY_BYTES_MAX), body: CheckBody },
    )
    .put(
      '/api/templates/override',
      async ({ body }) => {
        const model = needModel(body.model);
        if (body.text === null) overrides.clear(model);
        else await overrides.set(model, body.text);
        return ofModel(needModel(body.model), book);
      },
      { ...access('manage', BODY_BYTES_MAX), body: OverrideBody },
    );

/** What a listing of models says of the template; before it was checked, what the header lets hope for. */
export function templateWord(model: Model, verdict: TemplateVerdict | null): TemplateWord {
  const words = (severity: Severity): string[] =>
    verdict?.findings.filter((finding) => finding.severity === severity).map(({ message }) => message) ?? [];
  return {
    template_valid: verdict?.isValid ?? null,
    template_errors: words('error'),
    template_warnings: words('warning'),
    supports_tools: verdict?.facts?.supportsTools ?? model.capabilities.tools,
  };
}

async function ofModel(model: Model, book: TemplateBook) {
  const [used, ...others] = (await book.check(model)).map(entry);
  if (!used) throw new Fault('not-found', `${model.id} has no chat template that can be read.`);
  return { model_id: model.id, ...used, others };
}

function entry({ source, verdict }: Checked) {
  const { kind, file, name, text } = source;
  return { source: kind, file, name, text, ...shown(verdict) };
}

function shown({ isValid, findings, facts }: TemplateVerdict) {
  return {
    template_valid: isValid,
    findings,
    facts: facts && {
      supports_system: facts.supportsSystem,
      supports_tools: facts.supportsTools,
      supports_parallel_calls: facts.supportsParallelCalls,
      supports_thinking: facts.supportsThinking,
      switches_thinking: facts.switchesThinking,
      opens_thought: facts.opensThought,
      keeps_thoughts: facts.keepsThoughts,
      second_system: facts.secondSystem,
      late_system: facts.lateSystem,
      consecutive_users: facts.consecutiveUsers,
      wants_short_call_ids: facts.wantsShortCallIds,
      wants_list_content: facts.wantsListContent,
      reads_list_content: facts.readsListContent,
    },
  };
}
