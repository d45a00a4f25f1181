/**
 * The demo's chat template: ChatML with Hermes tool calls, as many real models have. Its generation prompt ends in the
 * name of the script to play: a tool result is acknowledged; given tools are called; else the last words decide.
 * llama-server says `enable_thinking` for every request unless told otherwise, so by itself it cannot mean "think now":
 * the word "think", a reasoning effort or the other common switch `thinking` does; `enable_thinking: false` forbids it.
 */
export const DEMO_TEMPLATE = `{%- macro text_of(content) -%}
{%- if content is string -%}{{ content }}
{%- elif content is iterable and content is not mapping -%}
{%- for part in content -%}{%- if part.type == 'text' -%}{{ part.text }}{%- endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- if tools -%}
<|im_start|>system
# Tools
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
Call one as <tool_call>
{"name": <name>, "arguments": <arguments>}
</tool_call><|im_end|>
{% endif -%}
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.role == 'assistant' and message.reasoning_content -%}
<think>
{{ message.reasoning_content }}
</think>

{% endif -%}
{{ text_of(message.content) }}
{%- for call in message.tool_calls or [] %}
{%- set called = call.function or call %}
<tool_call>
{"name": "{{ called.name }}", "arguments": {{ called.arguments | tojson }}}
</tool_call>
{%- endfor -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
{%- set last = messages[-1] -%}
{%- set words = ' ' ~ text_of(last.content) | lower | replace('.', ' ') | replace(',', ' ') | replace('?', ' ')
  | replace('!', ' ') | replace(':', ' ') | replace('\\n', ' ') ~ ' ' -%}
{%- set thinks = enable_thinking is not defined or enable_thinking -%}
{%- set asked = ' think ' in words or ' thinking ' in words or ' reason ' in words -%}
{%- set asked = asked or (thinking is defined and thinking) -%}
{%- set strains = reasoning_effort is string and reasoning_effort in 'low medium high xhigh max' -%}
{%- set thinks = thinks and (asked or strains) -%}
<|im_start|>assistant
{% if last.role == 'tool' -%}<|play_after_tool|>
{%- elif tools and thinks -%}<|play_think_call|>
{%- elif tools -%}<|play_call|>
{%- elif thinks -%}<|play_think|>
{%- elif ' long ' in words or ' count ' in words or ' story ' in words -%}<|play_long|>
{%- else -%}<|play_plain|>
{%- endif -%}
{%- endif -%}`;
