/**
 * The launch settings as a form: which there are for a format, in which groups, how a typed value becomes a setting.
 * Names, bounds and most effects are those of the schema (`models/model.ts`). Pure.
 */
import { Fault } from '#src/faults.ts';
import { isObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { readOverrides } from '#src/models/launch.ts';
import { type LaunchOverrides, LaunchSettings, type Model, type ModelFormat } from '#src/models/model.ts';
import type { SettingOrigin, Settings } from '#src/settings/settings.ts';
import type { LaunchFieldData, LaunchGroupData } from '#views/models/load-drawer.tsx';

/** What a browser sends for a field: a box that may be ticked comes as `off`, or as `off` and `on`. */
export type FormFields = Readonly<Record<string, unknown>>;

type Name = keyof LaunchSettings;
type Field = {
  readonly name: Name;
  readonly label: string;
  readonly unit?: string;
  /** What it changes, where the schema does not say so or not fully. */
  readonly effect?: string;
  readonly formats?: ModelFormat;
};
type Group = { readonly title: string; readonly fields: readonly Field[] };

const GROUPS: readonly Group[] = [
  {
    title: 'Context and slots',
    fields: [
      { name: 'ctx_size', label: 'Context', unit: 'tokens' },
      { name: 'n_parallel', label: 'Slots', effect: 'Conversations answered at the same time; each has a context' },
      { name: 'rope_scaling', label: 'RoPE scaling', effect: 'How a context beyond the trained one is reached' },
      { name: 'rope_scale', label: 'RoPE scale' },
    ],
  },
  {
    title: 'Memory',
    fields: [
      { name: 'cache_type_k', label: 'Cache of keys', effect: 'Smaller numbers take less memory', formats: 'gguf' },
      {
        name: 'cache_type_v',
        label: 'Cache of values',
        effect: 'Smaller than f16 needs flash attention',
        formats: 'gguf',
      },
      { name: 'cache_ram_mib', label: 'Prompt cache', unit: 'MiB', formats: 'gguf' },
      { name: 'mmap', label: 'Map the file', formats: 'gguf' },
      { name: 'mlock', label: 'Never swap out', formats: 'gguf' },
      { name: 'mlx_prompt_cache_size', label: 'Prompts remembered', formats: 'mlx' },
      { name: 'mlx_kv_bits', label: 'Cache', unit: 'bits', formats: 'mlx' },
    ],
  },
  {
    title: 'GPU and CPU',
    fields: [
      { name: 'gpu_layers', label: 'Layers on the GPU', formats: 'gguf' },
      {
        name: 'flash_attn',
        label: 'Flash attention',
        effect: 'Faster, and lets values be cached small',
        formats: 'gguf',
      },
      { name: 'threads', label: 'Threads', formats: 'gguf' },
      { name: 'batch_size', label: 'Batch', unit: 'tokens', formats: 'gguf' },
      { name: 'ubatch_size', label: 'Physical batch', unit: 'tokens', formats: 'gguf' },
    ],
  },
  {
    title: 'Server',
    fields: [
      { name: 'mlx_engine', label: 'Server', formats: 'mlx' },
      { name: 'mlx_reasoning_parser', label: 'Parser of thoughts', formats: 'mlx' },
      { name: 'mlx_tool_call_parser', label: 'Parser of tool calls', formats: 'mlx' },
      { name: 'mlx_trust_remote_code', label: 'Trust its code', formats: 'mlx' },
    ],
  },
  {
    title: 'Speculative decoding',
    fields: [
      { name: 'draft_model_path', label: 'Draft model' },
      { name: 'num_draft_tokens', label: 'Tokens a step' },
      { name: 'draft_mtp', label: 'Draft by itself', formats: 'gguf' },
    ],
  },
  {
    title: 'Template and images',
    fields: [
      { name: 'chat_template_file', label: 'Chat template' },
      { name: 'mmproj_path', label: 'Vision projector', formats: 'gguf' },
    ],
  },
  {
    title: 'Extra arguments',
    fields: [{ name: 'extra_args', label: 'Arguments', effect: 'One a line, passed to the engine as they are' }],
  },
];

/** Values that are no words of their own. */
const CHOICE_WORDS: ReadonlyMap<string, string> = new Map([['', 'automatic']]);

export type LaunchLook = {
  readonly model: Model;
  /** All settings as a load without further wishes would have them. */
  readonly effective: LaunchSettings;
  /** What stands in the form instead. */
  readonly wished: LaunchOverrides;
  /** Where a general setting comes from. */
  readonly originOf: (name: keyof Settings) => SettingOrigin;
  /** The field that is wrong, and why. */
  readonly wrong: { readonly field: string; readonly message: string } | null;
};

/** The form's groups, as far as they apply to the model. */
export function launchGroups(look: LaunchLook): readonly LaunchGroupData[] {
  const { format } = look.model;
  return GROUPS.map(({ title, fields }) => ({
    title,
    fields: fields.filter((field) => (field.formats ?? format) === format).map((field) => fieldData(field, look)),
  })).filter(({ fields }) => fields.length > 0);
}

/**
 * What a form wishes otherwise than the settings that are in effect. Throws Fault('invalid-request') that names the
 * first field that is wrong.
 */
export function readLaunchForm(form: FormFields, model: Model, effective: LaunchSettings): LaunchOverrides {
  const present = new Map<string, unknown>(Object.entries(effective));
  const fields = GROUPS.flatMap((group) => group.fields).filter(
    ({ formats }) => (formats ?? model.format) === model.format,
  );
  const wished = fields.flatMap(({ name, label }) => {
    const value = form[name];
    if (value === undefined) return [];
    const read = readValue(name, label, value);
    return read === null || Bun.deepEquals(read, present.get(name)) ? [] : [[name, read] as const];
  });
  return readOverrides(Object.fromEntries(wished));
}

/** An empty number is no wish; empty text is one, since paths are taken away so. */
function readValue(name: Name, label: string, value: unknown): unknown {
  const kind = kindOf(name);
  if (kind === 'switch') return Array.isArray(value) ? value.includes('on') : value === 'on';
  const text = stringOrNull(Array.isArray(value) ? value.at(-1) : value)?.replaceAll('\r\n', '\n') ?? '';
  if (kind === 'lines') return text.split('\n').filter((line) => line.trim() !== '');
  if (kind !== 'number') return text.trim();
  if (text.trim() === '') return null;
  const number = Number(text);
  if (Number.isFinite(number)) return number;
  throw new Fault('invalid-request', `${label} is a number.`, { details: { field: name } });
}

function fieldData(field: Field, look: LaunchLook): LaunchFieldData {
  const { name, label, unit } = field;
  const values: Readonly<Record<string, unknown>> = { ...look.effective, ...look.wished };
  const value = values[name];
  const { description, minimum, maximum, choices } = schemaOf(name);
  const shared = {
    name,
    label,
    effect: field.effect ?? description,
    origin: originOf(name, look),
    error: look.wrong?.field === name ? look.wrong.message : null,
  };
  switch (kindOf(name)) {
    case 'switch':
      return { ...shared, kind: 'switch', isOn: value === true };
    case 'number':
      return {
        ...shared,
        kind: 'number',
        value: numberOrNull(value),
        min: minimum,
        max: maximum,
        step: schemaOf(name).isWhole ? 1 : 'any',
        unit: unit ?? null,
      };
    case 'choice':
      return {
        ...shared,
        kind: 'choice',
        value: stringOrNull(value) ?? '',
        choices: choices.map((one) => ({ value: one, label: CHOICE_WORDS.get(one) ?? one })),
      };
    case 'lines':
      return { ...shared, kind: 'lines', value: Array.isArray(value) ? value.join('\n') : '' };
    default:
      return { ...shared, kind: 'text', value: stringOrNull(value) ?? '' };
  }
}

/** Where a value comes from: people ask that before they change it. */
function originOf(name: Name, { model, originOf: originOfSetting }: LaunchLook): LaunchFieldData['origin'] {
  if (model.config.launch[name] !== undefined) return model.config.preset === null ? 'model' : 'preset';
  const setting = SETTINGS.get(name);
  if (setting === undefined) return 'default';
  const origin = originOfSetting(setting);
  return origin === 'file' ? 'setting' : origin;
}

/** Launch settings for which there is a general setting. */
const SETTINGS: ReadonlyMap<Name, keyof Settings> = new Map([
  ['ctx_size', 'default_ctx_size'],
  ['n_parallel', 'default_n_parallel'],
  ['flash_attn', 'default_flash_attn'],
  ['cache_type_k', 'default_cache_type_k'],
  ['cache_type_v', 'default_cache_type_v'],
  ['gpu_layers', 'default_gpu_layers'],
  ['cache_ram_mib', 'default_cache_ram_mib'],
]);

function kindOf(name: Name): LaunchFieldData['kind'] {
  const { type, choices } = schemaOf(name);
  if (choices.length > 0) return 'choice';
  if (type === 'boolean') return 'switch';
  if (type === 'array') return 'lines';
  return type === 'integer' || type === 'number' ? 'number' : 'text';
}

/** What the schema says of a field, in what forms need. */
function schemaOf(name: Name) {
  const schema: Readonly<Record<string, unknown>> = LaunchSettings.properties[name];
  const options: readonly unknown[] = Array.isArray(schema.anyOf) ? schema.anyOf : [];
  return {
    type: stringOrNull(schema.type),
    isWhole: schema.type === 'integer',
    description: stringOrNull(schema.description),
    minimum: numberOrNull(schema.minimum),
    maximum: numberOrNull(schema.maximum),
    choices: options.flatMap((option) => (isObject(option) ? (stringOrNull(option.const) ?? []) : [])),
  };
}
