/** Thinking, on or off, in the words of chat templates. */
import type { JsonObject } from '#src/json.ts';

/**
 * Templates have two names for the one switch: `enable_thinking` (Qwen, GLM, Nemotron) and `thinking` (Granite,
 * DeepSeek).
 */
export function thinkingSwitch(isOn: boolean): { readonly chat_template_kwargs: JsonObject } {
  return { chat_template_kwargs: { enable_thinking: isOn, thinking: isOn } };
}
