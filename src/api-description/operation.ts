/** What is said of one operation of the HTTP API beyond what its route declares by itself. */
import type { TSchema } from '@sinclair/typebox';
import type { FaultKind } from '#src/faults.ts';

/** The groups in which operations are listed, in this order. */
export const TAGS = [
  { name: 'OpenAI', about: "OpenAI's protocol; unknown fields survive in both directions." },
  { name: 'Anthropic', about: "Anthropic's protocol." },
  { name: 'Ollama', about: "Ollama's protocol." },
  { name: 'llama-server', about: "llama-server's own paths, and the engines themselves." },
  { name: 'Models', about: 'What is registered, and how each model is configured.' },
  { name: 'Loading', about: 'Starting and stopping models, and what that would take.' },
  { name: 'Requests', about: 'What is asked, and what was.' },
  { name: 'Downloads', about: 'Models from the hub.' },
  { name: 'Finding', about: "Other programs' models, engines and configurations." },
  { name: 'Engines', about: 'The programs that serve models.' },
  { name: 'Presets and templates', about: 'Named choices of behaviour, and chat templates.' },
  { name: 'Conversations', about: 'What was said on the chat page.' },
  { name: 'Settings and keys', about: 'How this Flow is set up, and who may use it.' },
  { name: 'Health', about: 'Whether Flow is well, and what it is doing.' },
] as const;
export type Tag = (typeof TAGS)[number]['name'];

/** A shape in the notation of `shape.ts`, or the schema that checks it. */
export type Shape = string | TSchema;

/** What one status brings: JSON of a shape, something else, or one or the other as it was asked for. */
export type Answer = {
  readonly about?: string;
  readonly json?: Shape;
  /** Media types other than JSON. */
  readonly other?: readonly string[];
};

export type Operation = {
  /** Method and path as in the route table, for example `GET /api/models/*`. */
  readonly route: string;
  /** The path in OpenAPI's words; needed where the route ends in a star. */
  readonly path?: string;
  readonly summary: string;
  /** What a caller must know besides. */
  readonly about?: string;
  /** The body of a route that reads it by itself; others declare it at the route. */
  readonly body?: Shape;
  /** Whether the body may be left out. */
  readonly isBodyOptional?: boolean;
  /** Query parameters of a route that reads them by itself: a shape of an object. */
  readonly query?: string;
  /** What each of the path's parameters is, where the name does not say it. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Success by status; `200` with a shape for most. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Faults beyond those that every operation of its kind may meet. */
  readonly faults?: readonly FaultKind[];
  /** Whether it goes on until its caller leaves. */
  readonly isEndless?: boolean;
};

/** Operations of one tag. */
export type TaggedOperations = { readonly tag: Tag; readonly operations: readonly Operation[] };
