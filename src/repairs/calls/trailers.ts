/** What is left of templates around calls. */
import { withEntities } from './escaped.ts';

const PLAIN_TRAILERS = [
  '<|im_end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|call|>',
  '<|end|>',
  '<|return|>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<|observation|>',
  '<|user|>',
  '<|tool_response>',
  '<|END_OF_TURN_TOKEN|>',
  '<start_function_response>',
  '<end_of_turn>',
  '<turn|>',
  '<｜end▁of▁sentence｜>',
  '[e~[',
  '</s>',
  '</tool_call>',
  '</tool_calls>',
  '</tool_calls:opensource>',
  '</function>',
];
/** What templates put after a call, and models leak; also escaped for HTML. */
export const TRAILERS: readonly string[] = [...PLAIN_TRAILERS, ...PLAIN_TRAILERS.map(withEntities)];
