/**
 * The canonical request: OpenAI Chat Completions as llama-server takes it, open at every level, so that unknown fields
 * survive. All dialects are read into it, and the message-list normaliser (`normalise.ts`) puts it into the shape that
 * chat templates accept.
 */
import type { Json, JsonObject } from '#src/json.ts';

export type TextPart = { readonly type: 'text'; readonly text: string };
export type ImagePart = { readonly type: 'image_url'; readonly image_url: { readonly url: string } & JsonObject };
export type ContentPart = TextPart | ImagePart | ({ readonly type: string } & JsonObject);
export type Content = string | null | readonly ContentPart[];

/** A tool call in history. `arguments` is a JSON text, as on the wire. */
export type ToolCall = {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
};

/** One message. Roles after the normaliser: system, user, assistant, tool. Unknown fields are kept. */
export type ChatMessage = {
  readonly role: string;
  readonly content?: Content;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ToolCall[] | null;
  readonly tool_call_id?: string;
  readonly name?: string;
};

export type ChatTool = {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters?: Json;
    readonly strict?: boolean | null;
  };
};

/** The canonical request body. `model` is what the caller asked for; the gateway sends the resolved id. */
export type ChatRequest = {
  readonly model?: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ChatTool[];
  readonly stream?: boolean;
} & { readonly [field: string]: unknown };
