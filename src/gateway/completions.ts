/** Text without a chat template: `/v1/completions`, with a gap to fill where there is a suffix. */
import { behaveSampling } from '#src/behaviour/behave.ts';
import { completionCollector, completionEncoder } from '#src/dialects/chat/completion.ts';
import type { AnswerHead, Collector, Encoder } from '#src/dialects/dialect.ts';
import { invalid } from '#src/dialects/invalid.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import type { ModelTraits } from '#src/models/traits.ts';
import { type Arrived, type Door, refuseSeveral, verbatimDoor } from './doors.ts';
import { fieldsText, refuseDanger, without } from './engine-body.ts';
import { plainChatVoice } from './inability.ts';
import { INFILL_PATH, infillFields, unfilled } from './infill.ts';
import type { Order } from './order.ts';
import { askedParameters } from './parameters.ts';
import type { Mending } from './prepare.ts';
import {
  asksForSeveral,
  COMPLETIONS_PATH,
  expectedKind,
  foreignWording,
  isLlama,
  plainWording,
  refuseRoute,
} from './wording.ts';

/** What is asked without a template. `fields` are those of `/v1/completions`. */
export type Plain = {
  readonly kind: 'completion' | 'infill';
  readonly fields: JsonObject;
  readonly wantsStream: boolean;
  readonly notes: readonly string[];
  readonly encoder: (head: AnswerHead) => Encoder;
  readonly collector: (head: AnswerHead) => Collector;
};

const AS_STREAM = { stream: true, stream_options: { include_usage: true } };

/** OpenAI's completions; the engine's bytes pass untouched, but for a gap that is filled. */
export const completionsDoor: Door = {
  voice: plainChatVoice,
  order: (arrived) => {
    const { body } = arrived.json;
    const hasGap = typeof body.suffix === 'string' && body.suffix !== '';
    if (!hasGap && (body.prompt === undefined || body.prompt === null)) {
      // The engine's own words for it are of a key in its JSON library.
      throw invalid('prompt', 'a text, a list of texts, or tokens are required');
    }
    const isSeveral = asksForSeveral(body);
    if (isSeveral) refuseSeveral(arrived);
    if (!hasGap && (isSeveral || isLlama(arrived.model))) return verbatimDoor(COMPLETIONS_PATH).order(arrived);
    const { include_usage } = isObject(body.stream_options) ? body.stream_options : {};
    return plainOrder(arrived, {
      kind: hasGap ? 'infill' : 'completion',
      fields: without(body, ['model', 'stream', 'stream_options']),
      wantsStream: body.stream === true,
      notes: hasGap ? unfilled(body) : [],
      encoder: (head) => completionEncoder(head, { wantsUsage: include_usage === true }),
      collector: completionCollector,
    });
  },
};

/** The engine's own `/infill`, in its own words. */
export const infillDoor: Door = { ...verbatimDoor(INFILL_PATH), voice: plainChatVoice };

/** The engine's own `/completion`, to which users of llama-server also say `/completions`. */
export const nativeDoor: Door = verbatimDoor('/completion');

/** An order that is translated, although no template and no repair has a say in it. */
export function plainOrder(arrived: Arrived, plain: Plain): Order {
  const { services, model, behaviour, ticket, json } = arrived;
  const { set, drop } = behaveSampling(plain.fields, behaviour);
  const fields = { ...without(plain.fields, drop), ...set };
  refuseDanger(fields);
  const head = {
    requestId: ticket.id,
    modelId: model.id,
    createdS: Math.floor(services.clock.wallMs() / 1000),
  };
  const isGap = plain.kind === 'infill';
  const path = isGap ? INFILL_PATH : COMPLETIONS_PATH;
  refuseRoute(expectedKind(services, model), path);
  const asked = isGap ? infillFields(fields) : fields;
  return {
    modelId: model.id,
    head,
    path,
    wording: (to) => {
      if (to.speech.knowsLlamaFields)
        return plainWording(() => fieldsText({ ...asked, model: model.id, ...AS_STREAM }));
      refuseRoute(to.engine, path);
      const mending = stopsOnly(services.traits(model));
      return foreignWording({ services, model, body: asked, wantsStream: true, mending }, to);
    },
    wantsStream: plain.wantsStream,
    hidesProgress: true,
    translation: { encoder: () => plain.encoder(head), collector: () => plain.collector(head) },
    notes: [...json.mends, ...plain.notes],
    headers: {},
    parameters: () => askedParameters(fields, { ...arrived, caller: plain.fields }),
    wantsUsage: false,
  };
}

/** Text without a template is left alone, but for the strings at which it ends. */
function stopsOnly(traits: ModelTraits): Mending {
  return {
    tools: [],
    traits,
    switches: { engine_parser: false, think_tags: false, loop_guard: false },
    answerTokensMax: null,
    relaxed: new Map(),
    seen: new Set(),
    splitsThoughts: true,
    isThinkingOff: false,
    stopStrings: [],
    form: null,
  };
}
