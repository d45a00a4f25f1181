/** The repairs of one answer, in order, as one stage. */
import { answerLimit } from './answer-limit.ts';
import { askedForm } from './asked-form.ts';
import { leakedCalls } from './calls/leaked-calls.ts';
import { channels, mayHaveChannels } from './channels.ts';
import { duplicateCalls } from './duplicate-calls.ts';
import { loopGuard } from './loop-guard.ts';
import { parserRecovery } from './parser-fault.ts';
import { checkedCalls } from './schemas/checked-calls.ts';
import type { RepairContext, Sink, Stage } from './stage.ts';
import { stopStrings } from './stop-strings.ts';
import { mayHaveThoughts, thinkTags } from './think-tags.ts';
import { truncatedCalls } from './truncated-calls.ts';
import { typedCalls } from './typed-arguments.ts';

type MakeStage = (next: Sink) => Stage;

/**
 * The chain for one answer; null when nothing in it could need mending, so that its bytes may pass unread.
 *
 * From the engine outwards: what the engine could not parse comes back as text; thoughts leave the text; calls leave
 * the text; then calls are typed, made once, found whole and checked against schemas; then come the limits, which see
 * what the client sees. The form that was asked for comes last: it holds text back, which no limit may wait for.
 */
export function repairChain(context: RepairContext, sink: Sink): Stage | null {
  const stages = stagesFor(context);
  if (stages.length === 0) return null;
  let next = sink;
  for (const makeStage of stages.toReversed()) {
    const stage = makeStage(next);
    next = (event) => stage.push(event);
  }
  return { push: next };
}

function stagesFor(context: RepairContext): readonly MakeStage[] {
  const { switches, tools, answerTokensMax, traits, form } = context;
  const hasTools = tools.length > 0;
  const stages: MakeStage[] = [];
  const use = (isWanted: boolean, makeStage: MakeStage) => {
    if (isWanted) stages.push(makeStage);
  };
  use((hasTools || traits.thinks) && switches.engine_parser !== false, (next) => parserRecovery(context, next));
  use(mayHaveChannels(context), (next) => channels(context, next));
  use(mayHaveThoughts(context), (next) => thinkTags(context, next));
  use(hasTools && switches.leaked_calls !== false, (next) => leakedCalls(context, next));
  use(hasTools && switches.typed_arguments !== false, (next) => typedCalls(context, next));
  use(hasTools && switches.duplicate_calls !== false, (next) => duplicateCalls(context, next));
  use(hasTools && switches.truncated_calls !== false, (next) => truncatedCalls(context, next));
  use(context.relaxed.size > 0 && hasTools && switches.tool_schemas !== false, (next) => checkedCalls(context, next));
  use(context.stopStrings.length > 0, (next) => stopStrings(context.stopStrings, next));
  if (answerTokensMax !== null) stages.push((next) => answerLimit(answerTokensMax, next));
  use(switches.loop_guard !== false, (next) => loopGuard(context, next));
  if (form !== null && switches.tool_schemas !== false) stages.push((next) => askedForm(form, context, next));
  return stages;
}
