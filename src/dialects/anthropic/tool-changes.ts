/** Tools that a conversation brings in and takes away, by name or with their definition. */
import { invalid, nameAt, objectAt } from '#src/dialects/invalid.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import type { Findings } from './findings.ts';

/** A tool that a search of the client has found, in the words that tell the model. */
export function readToolReference(value: unknown, path: string, findings: Findings): string {
  const name = nameAt(value, path);
  findings.toolReferences.add(name);
  return `Tool ${name} is now available.`;
}

/** What a search at Anthropic had found can still be called; the search itself means nothing here. */
export function readToolSearch(content: unknown, path: string, findings: Findings): void {
  if (!isObject(content) || content.tool_references === undefined) return;
  if (!Array.isArray(content.tool_references)) throw invalid(`${path}.tool_references`, 'a list is required');
  for (const [index, reference] of content.tool_references.entries()) {
    const place = `${path}.tool_references.${index}`;
    findings.toolReferences.add(nameAt(objectAt(reference, place).tool_name, `${place}.tool_name`));
  }
}

/** A tool that joins in mid-conversation: one of the deferred ones, or with its definition. */
export function addTool(value: unknown, path: string, findings: Findings): void {
  const tool = objectAt(value, path);
  if (tool.type === 'tool_definition') {
    const definition = objectAt(tool.definition, `${path}.definition`);
    findings.removedTools.delete(nameAt(definition.name, `${path}.definition.name`));
    findings.toolDefinitions.push(definition);
    return;
  }
  const name = changedTool(tool, path, findings);
  if (name === null) return;
  findings.removedTools.delete(name);
  findings.toolReferences.add(name);
}

/** A tool that leaves; it may join again. */
export function removeTool(value: unknown, path: string, findings: Findings): void {
  const name = changedTool(objectAt(value, path), path, findings);
  if (name !== null) findings.removedTools.add(name);
}

function changedTool(tool: JsonObject, path: string, findings: Findings): string | null {
  if (tool.type === 'tool_reference') return nameAt(tool.name, `${path}.name`);
  findings.notes.add(`a change of a tool of type ${String(tool.type)} was left out: Anthropic alone knows it`);
  return null;
}
