/** Tools that Anthropic names by a dated type alone, but that the client runs: their schemas in full. */
import { type JsonObject, stringOrNull } from '#src/json.ts';

type Known = { readonly name: string; readonly description: string; readonly input_schema: JsonObject };

const TEXT = { type: 'string' };
const LINE = { type: 'integer' };

const BASH: Known = {
  name: 'bash',
  description: 'Run a command in a bash shell that keeps its state. `restart` begins a new shell.',
  input_schema: { type: 'object', properties: { command: TEXT, restart: { type: 'boolean' } } },
};

/** The editor; its first editions gave the text of an insertion as `new_str`. */
const TEXT_EDITOR = textEditor('insert_text');
const EARLY_TEXT_EDITOR = textEditor('new_str');

const MEMORY: Known = {
  name: 'memory',
  description: [
    'Keep notes in files under /memories. `view` shows a file or folder, `create` writes `file_text`,',
    '`str_replace` replaces `old_str` by `new_str`, `insert` puts `insert_text` after the line `insert_line`,',
    '`delete` removes, `rename` moves `old_path` to `new_path`.',
  ].join(' '),
  input_schema: {
    type: 'object',
    properties: {
      command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert', 'delete', 'rename'] },
      path: TEXT,
      view_range: { type: 'array', items: LINE },
      file_text: TEXT,
      old_str: TEXT,
      new_str: TEXT,
      insert_line: LINE,
      insert_text: TEXT,
      old_path: TEXT,
      new_path: TEXT,
    },
    required: ['command'],
  },
};

const FAMILIES: readonly (readonly [type: RegExp, known: Known])[] = [
  [/^bash_\d{8}$/, BASH],
  [/^text_editor_(?:20241022|20250124)$/, EARLY_TEXT_EDITOR],
  [/^text_editor_\d{8}$/, TEXT_EDITOR],
  [/^memory_\d{8}$/, MEMORY],
];

/** The tool with a description and a schema, as if it had been defined in full; null when it is none of these. */
export function clientTool(tool: JsonObject): JsonObject | null {
  const type = stringOrNull(tool.type) ?? '';
  const known = FAMILIES.find(([pattern]) => pattern.test(type))?.[1];
  return known === undefined ? null : { ...known, ...tool };
}

function textEditor(inserted: string): Known {
  return {
    name: 'str_replace_based_edit_tool',
    description: [
      'View, create and edit text files. `view` shows a file or folder, or the lines in `view_range`;',
      '`create` writes `file_text`; `str_replace` replaces `old_str`, which must occur exactly once, by `new_str`;',
      `\`insert\` puts \`${inserted}\` after the line \`insert_line\`.`,
    ].join(' '),
    input_schema: {
      type: 'object',
      properties: {
        command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert'] },
        path: TEXT,
        view_range: { type: 'array', items: LINE },
        file_text: TEXT,
        old_str: TEXT,
        new_str: TEXT,
        insert_line: LINE,
        [inserted]: TEXT,
      },
      required: ['command', 'path'],
    },
  };
}
