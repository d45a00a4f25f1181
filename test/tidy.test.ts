/**
 * The rules of the house, executed: sizes, imports in one direction, names, bans. Each message says what to do instead.
 */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dir, '..');
const LINES_MAX = 400;
/** Tables of cases are read one row at a time. */
const TEST_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;
const LINE_LENGTH_MAX = 120;

/**
 * Areas from the ground up. A file may import from its own area and from areas of a lower line, never from one of the
 * same or a higher line. A file that lies in `src` itself is an area of its own.
 */
const LAYERS: readonly (readonly string[])[] = [
  ['json', 'assert', 'clock', 'descriptors', 'events', 'access', 'percent', 'package-files'],
  ['faults', 'models.behaviour', 'models.facts'],
  ['models.file-look', 'whole-file'],
  ['stream', 'gguf', 'mlx', 'models.model'],
  ['transport', 'store'],
  ['settings.settings'],
  ['config'],
  ['keys'],
  ['logs', 'settings'],
  ['models'],
  ['templates'],
  ['engines', 'hub'],
  ['supervision'],
  ['scheduling'],
  ['requests', 'responses', 'chat', 'chronicle', 'downloads', 'upgrades', 'external'],
  ['dialects'],
  ['behaviour', 'repairs'],
  ['gateway', 'discovery'],
  ['host', 'web', 'agents', 'imports', 'api-description'],
  ['live'],
  ['pages'],
  ['cli'],
  ['engine-room', 'key-room'],
  ['fleet-room'],
  ['flow'],
  ['library-pages', 'models-pages', 'monitor-pages', 'settings-pages'],
  ['setup-pages'],
  ['dashboard'],
  ['app'],
  ['serve'],
  ['main'],
  ['executable', 'build'],
];

/** Words that say where a thing was put because nobody knew what it was. */
const EMPTY_NAMES = /^(utils?|helpers?|common|misc|types|index|manager|lib)\.tsx?$/;

const BANS: readonly { readonly pattern: RegExp; readonly instead: string; readonly where?: RegExp }[] = [
  { pattern: /\bTODO\b|\bFIXME\b|\bXXX\b/, instead: 'make an issue' },
  { pattern: /@ts-(ignore|nocheck|expect-error)/, instead: 'fix the type' },
  { pattern: /\bas any\b|:\s*any\s*[;,)=\]|&>]|<any>/, instead: 'parse unknown input once, at the edge' },
  { pattern: /^export default/, instead: 'name the export' },
  { pattern: /\bconsole\./, instead: 'use the logs, or process.stdout in cli and main' },
  { pattern: /import \{[^}]*\bsse\b[^}]*\} from 'elysia'/, instead: 'use stream/frames.ts: sse() corrupts newlines' },
  { pattern: /\bBun\.file\([^)]*\)\.writer\(/, instead: 'use a FileHandle: FileSink hides ENOSPC' },
  { pattern: /from 'node:http'/, instead: 'use transport/client.ts or fetch' },
  {
    pattern: /new TextDecoder\(\)\.decode\(/,
    instead: 'keep one decoder with {stream: true}; whole buffers: Buffer.toString',
    where: /src\/(stream|transport|gateway|dialects)\//,
  },
];

const sources = ['src', 'views', 'test', 'public/js']
  .flatMap((folder) => [...new Bun.Glob(`${folder}/**/*.{ts,tsx,js}`).scanSync({ cwd: ROOT })])
  .filter((path) => !path.startsWith('test/fixtures/'))
  .sort();
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/**
 * The area of a path under src: its folder, or its own name; spine files of an area stand apart where the order needs
 * it.
 */
function areaOf(path: string): string {
  const parts = path.split('/');
  if (parts.length === 2) return basename(path).replace(/\.tsx?$/, '');
  const area = parts[1] ?? '';
  const named = `${area}.${basename(path).replace(/\.tsx?$/, '')}`;
  return LAYERS.some((layer) => layer.includes(named)) ? named : area;
}

const heightOf = (area: string): number => LAYERS.findIndex((layer) => layer.includes(area));

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

/** A line without the words of a comment; a left-over mark counts anywhere. */
function codeOf(line: string): string {
  const isComment = /^\s*(\*|\/\/|\/\*\*)/.test(line);
  return isComment && !/TODO|FIXME|XXX|@ts-/.test(line) ? '' : line;
}

/** `<string>` and its like are types, not elements. */
const withoutTypes = (line: string): string => line.replace(/<(string|number|boolean|unknown|void|never)\b/g, '');

/** The imported file, relative to the root, or null for a package. */
function resolveImport(from: string, specifier: string): string | null {
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (!specifier.startsWith('.')) return null;
  return join(from, '..', specifier);
}

function longFunctions(path: string, text: string): string[] {
  const file = ts.createSourceFile(
    path,
    text,
    ts.ScriptTarget.Latest,
    true,
    path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS,
  );
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      const first = file.getLineAndCharacterOfPosition(node.getStart()).line;
      const lines = file.getLineAndCharacterOfPosition(node.end).line - first + 1;
      if (lines > FUNCTION_LINES_MAX) found.push(`${path}:${first + 1} has a function of ${lines} lines`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

describe('tidy', () => {
  test('there is something to read', () => {
    expect(sources.length).toBeGreaterThan(20);
  });

  test('no file is longer than a room should be', () => {
    const boundOf = (path: string): number => (path.startsWith('test/') ? TEST_LINES_MAX : LINES_MAX);
    const long = sources.filter((path) => read(path).split('\n').length > boundOf(path) + 1);
    expect(long.map((path) => `${path}: give the room a wall`)).toEqual([]);
  });

  test('no function is longer than a screen', () => {
    const long = sources.filter((path) => !path.startsWith('test/')).flatMap((path) => longFunctions(path, read(path)));
    expect(long).toEqual([]);
  });

  test('no line is longer than 120 columns', () => {
    const long = sources.flatMap((path) =>
      read(path)
        .split('\n')
        .flatMap((line, index) =>
          line.length > LINE_LENGTH_MAX && !/https?:\/\/|'[^']{100,}'|`[^`]{100,}`|"[^"]{100,}"|Type\./.test(line)
            ? [`${path}:${index + 1}`]
            : [],
        ),
    );
    expect(long).toEqual([]);
  });

  test('imports point downwards', () => {
    const upward = sources
      .filter((path) => path.startsWith('src/'))
      .flatMap((path) => importsOf(read(path)).map((specifier) => ({ path, target: resolveImport(path, specifier) })))
      .filter(({ path, target }) => {
        if (!target?.startsWith('src/')) return false;
        const [from, to] = [areaOf(path), areaOf(target)];
        if (from.split('.')[0] === to.split('.')[0]) return false;
        return heightOf(to) >= heightOf(from);
      })
      .map(({ path, target }) => `${path} imports ${target}`);
    expect(upward).toEqual([]);
  });

  test('every area has its place in the order', () => {
    const unknown = new Set(
      sources
        .filter((path) => path.startsWith('src/'))
        .map(areaOf)
        .filter((area) => heightOf(area) < 0),
    );
    expect([...unknown]).toEqual([]);
  });

  test('views import only views, and types of src', () => {
    const wrong = sources
      .filter((path) => path.startsWith('views/'))
      .flatMap((path) =>
        [...read(path).matchAll(/^import (?!type )[^;]*? from '(#src\/[^']+)'/gm)].map(
          (match) => `${path} imports a value from ${match[1]}`,
        ),
      );
    expect(wrong).toEqual([]);
  });

  test('file names say what is inside', () => {
    expect(sources.filter((path) => EMPTY_NAMES.test(basename(path)))).toEqual([]);
    expect(sources.filter((path) => !/^[a-z0-9-]+(\.test)?\.(tsx?|js|d\.ts)$/.test(basename(path)))).toEqual([]);
  });

  test('nothing banned is used', () => {
    const found = sources
      .filter((path) => path !== 'test/tidy.test.ts')
      .flatMap((path) =>
        read(path)
          .split('\n')
          .flatMap((line, index) =>
            BANS.filter((ban) => (!ban.where || ban.where.test(path)) && ban.pattern.test(codeOf(line))).map(
              (ban) => `${path}:${index + 1} ${ban.pattern}: ${ban.instead}`,
            ),
          ),
      );
    expect(found).toEqual([]);
  });

  test('markup is made in views, and in the files of src that put views together', () => {
    const found = sources
      .filter((path) => path.startsWith('src/') && path.endsWith('.tsx'))
      .filter((path) => !/\/(pages|feed|shell)\.tsx$/.test(path))
      .filter((path) =>
        read(path)
          .split('\n')
          .some((line) => /<[a-z][a-z0-9-]*(\s|>)/.test(withoutTypes(codeOf(line)))),
      );
    expect(found).toEqual([]);
  });

  test('a file with markup says whose JSX it is', () => {
    // Bun reads tsconfig.json from the folder it is started in, and `flow` is started anywhere.
    const bare = sources
      .filter((path) => path.endsWith('.tsx'))
      .filter((path) => !read(path).startsWith('/** @jsxImportSource @kitajs/html */'));
    expect(bare).toEqual([]);
  });

  test('colours are tokens', () => {
    const styles = [...new Bun.Glob('public/css/**/*.css').scanSync({ cwd: ROOT })].filter(
      (path) => !path.endsWith('tokens.css'),
    );
    const found = styles.flatMap((path) =>
      read(path)
        .split('\n')
        .flatMap((line, index) =>
          /#[0-9a-f]{3,8}\b|\b(rgb|hsl|oklch|lab)a?\(/i.test(line.replace(/url\([^)]*\)/g, ''))
            ? [`${path}:${index + 1}`]
            : [],
        ),
    );
    expect(found).toEqual([]);
  });

  test('every export of src has a docstring or a name that is one', () => {
    const bare = sources
      .filter((path) => path.startsWith('src/'))
      .flatMap((path) => {
        const lines = read(path).split('\n');
        return lines.flatMap((line, index) => {
          if (!/^export (async )?(function|class)/.test(line)) return [];
          const before = lines[index - 1]?.trim() ?? '';
          return before.endsWith('*/') ? [] : [`${path}:${index + 1}`];
        });
      });
    expect(bare).toEqual([]);
  });

  test('no machine, registry or workplace is named', () => {
    const tracked = Bun.spawnSync(['git', 'ls-files'], { cwd: ROOT }).stdout.toString().split('\n').filter(Boolean);
    const found = tracked
      .filter((path) => !/\.(png|svg|ico|woff2|gguf)$/.test(path) && path !== 'test/tidy.test.ts')
      .filter((path) =>
        /\/work\/|\.\.\/shared|\/root\/|registry\.npmjs|pypi\.org|deb\.debian/.test(
          readFileSync(join(ROOT, path), 'utf8'),
        ),
      );
    expect(found).toEqual([]);
  });
});
