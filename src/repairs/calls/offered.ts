/** The tools of a request, by the names that models give them. Pure. */
import type { ChatTool } from '#src/dialects/chat-request.ts';
import type { Json } from '#src/json.ts';

/** A tool that was offered. */
export type OfferedTool = { readonly name: string; readonly parameters: Json | undefined };

/** Longer names than any tool's need not be waited for. */
const NAME_ROOM = 40;
/** Where models say a tool lives though nobody told them so. */
const NAMESPACE = /^(?:functions?|default_api|tools?|multi_tool_use)[.:/]/i;

/** Knows which tool a written name means. */
export class Offered {
  readonly nameLengthMax: number;
  readonly #exact = new Map<string, OfferedTool>();
  /** By folded name; null = several tools fold to it. */
  readonly #folded = new Map<string, OfferedTool | null>();

  constructor(tools: readonly ChatTool[]) {
    let longest = 0;
    for (const { function: tool } of tools) {
      const offered = { name: tool.name, parameters: tool.parameters };
      this.#exact.set(tool.name, offered);
      const folded = fold(tool.name);
      const other = this.#folded.get(folded);
      this.#folded.set(folded, other === undefined || other?.name === tool.name ? offered : null);
      longest = Math.max(longest, tool.name.length);
    }
    this.nameLengthMax = longest + NAME_ROOM;
  }

  /** The tool of exactly this name; else the only one that differs in case, separators or a namespace before it. */
  find(written: string): OfferedTool | null {
    return (
      this.#exact.get(written) ??
      this.#exact.get(written.replace(NAMESPACE, '')) ??
      this.#folded.get(fold(written)) ??
      this.#folded.get(fold(written.replace(NAMESPACE, ''))) ??
      null
    );
  }
}

function fold(name: string): string {
  return name.toLowerCase().replace(/[-_.:/\s]+/g, '_');
}
