/** What the official client's own types say of events: read from its declarations, so that they are nobody's copy. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const DECLARATIONS = fileURLToPath(import.meta.resolve('openai/resources/responses/responses')).replace(
  /\.m?js$/,
  '.d.ts',
);

/** Every event of the union `ResponseStreamEvent`: its type, and the fields that it must have. */
export function eventTypes(): ReadonlyMap<string, readonly string[]> {
  const source = ts.createSourceFile('responses.d.ts', readFileSync(DECLARATIONS, 'utf8'), ts.ScriptTarget.Latest);
  const interfaces = new Map<string, ts.InterfaceDeclaration>();
  let union: readonly string[] = [];
  for (const statement of source.statements) {
    if (ts.isInterfaceDeclaration(statement)) interfaces.set(statement.name.text, statement);
    if (ts.isTypeAliasDeclaration(statement) && statement.name.text === 'ResponseStreamEvent') {
      union = ts.isUnionTypeNode(statement.type) ? statement.type.types.map((type) => type.getText(source)) : [];
    }
  }
  return new Map(union.map((name) => fieldsOf(name, interfaces.get(name), source)));
}

function fieldsOf(
  name: string,
  declared: ts.InterfaceDeclaration | undefined,
  source: ts.SourceFile,
): [type: string, fields: string[]] {
  if (declared === undefined) throw new Error(`no interface ${name}`);
  const properties = declared.members.filter(ts.isPropertySignature);
  const type = properties.find((property) => property.name.getText(source) === 'type')?.type?.getText(source);
  const required = properties.filter((property) => property.questionToken === undefined);
  return [(type ?? '').replaceAll("'", ''), required.map((property) => property.name.getText(source))];
}

/** The errors of the compiler when each of these values is taken for the client's type. */
export function typeErrors(typeName: 'ResponseStreamEvent' | 'Response', values: readonly unknown[]): string[] {
  const path = `${import.meta.dir}/checked.ts`;
  const lines = [
    `import type { ${typeName} } from 'openai/resources/responses/responses';`,
    // A constraint, not a type: fields beyond those declared are fine.
    `declare function check<T extends ${typeName}>(value: T): void;`,
    ...values.map((value) => `check(${JSON.stringify(value)});`),
  ];
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  const text = lines.join('\n');
  host.fileExists = (name) => name === path || fileExists(name);
  host.readFile = (name) => (name === path ? text : readFile(name));
  host.getSourceFile = (name, ...rest) =>
    name === path ? ts.createSourceFile(name, text, ts.ScriptTarget.Latest) : getSourceFile(name, ...rest);
  const program = ts.createProgram([path], options, host);
  const own = program.getSourceFile(path);
  return program
    .getSemanticDiagnostics(own)
    .map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n').slice(0, 600));
}
