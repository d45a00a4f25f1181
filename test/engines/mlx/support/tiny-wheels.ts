/** Python packages of a few lines that stand for MLX and its servers, and a package index that holds them. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type WheelFile = readonly [path: string, text: string];

/** How a server of a test behaves when it is tried. */
export type ServerKindOfTest = 'sound' | 'broken' | 'hanging';

/** A package index on a real port. Its address is what `UV_DEFAULT_INDEX` and `PIP_INDEX_URL` take. */
export function packageIndex(folder: string): Disposable & { readonly url: string } {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const [, place, name = ''] = new URL(request.url).pathname.split('/');
      if (place === 'files') return new Response(Bun.file(join(folder, name)));
      const files = readdirSync(folder).filter((file) => file.startsWith(`${name.replaceAll('-', '_')}-`));
      if (files.length === 0) return new Response('', { status: 404 });
      const links = files.map((file) => `<a href="/files/${file}">${file}</a>`).join('');
      return new Response(`<html><body>${links}</body></html>`, { headers: { 'content-type': 'text/html' } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}/simple`, [Symbol.dispose]: () => void server.stop(true) };
}

/** Writes wheels of `mlx` and of `mlx-lm` in these versions into a folder. */
export function writeWheels(folder: string, versions: Readonly<Record<string, ServerKindOfTest>>): void {
  mkdirSync(folder, { recursive: true });
  const core = [
    'class array:',
    '  def __init__(self, values): self.values = values',
    '  def __add__(self, other): return array([a + b for a, b in zip(self.values, other.values)])',
    '  def tolist(self): return self.values',
  ];
  writeWheel(folder, 'mlx', '0.9', [
    ['mlx/__init__.py', ''],
    ['mlx/core.py', core.join('\n')],
  ]);
  for (const [version, kind] of Object.entries(versions)) {
    const files: WheelFile[] = [
      ['mlx_lm/__init__.py', ''],
      ['mlx_lm/server.py', SERVERS[kind]],
    ];
    writeWheel(folder, 'mlx_lm', version, files, 'mlx_lm.server = mlx_lm.server:main');
  }
}

const SERVERS: Readonly<Record<ServerKindOfTest, string>> = {
  sound: `import argparse
def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--port", type=int)
  parser.add_argument("--log-level", choices=["DEBUG", "INFO"])
  parser.parse_args()
`,
  broken: 'import nothing_of_this_name\n',
  hanging: 'import time\ndef main():\n  time.sleep(600)\n',
};

function writeWheel(folder: string, name: string, version: string, files: readonly WheelFile[], script = ''): void {
  const info = `${name}-${version}.dist-info`;
  const metadata = `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\nProvides-Extra: cpu\n`;
  const wheel = 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n';
  const all: WheelFile[] = [...files, [`${info}/METADATA`, metadata], [`${info}/WHEEL`, wheel]];
  if (script !== '') all.push([`${info}/entry_points.txt`, `[console_scripts]\n${script}\n`]);
  const record = [...all.map(([path]) => path), `${info}/RECORD`].map((path) => `${path},,\n`).join('');
  writeFileSync(join(folder, `${name}-${version}-py3-none-any.whl`), zip([...all, [`${info}/RECORD`, record]]));
}

/** An archive whose files are stored as they are. */
function zip(files: readonly WheelFile[]): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [path, text] of files) {
    const [name, data] = [Buffer.from(path), Buffer.from(text)];
    const sum = Bun.hash.crc32(data);
    const body = Buffer.concat([localHeader(name, data, sum), name, data]);
    directory.push(centralHeader(name, data, sum, offset), name);
    bodies.push(body);
    offset += body.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, listed, end]);
}

function localHeader(name: Buffer, data: Buffer, sum: number): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(DAY, 12);
  header.writeUInt32LE(sum, 14);
  header.writeUInt32LE(data.length, 18);
  header.writeUInt32LE(data.length, 22);
  header.writeUInt16LE(name.length, 26);
  return header;
}

function centralHeader(name: Buffer, data: Buffer, sum: number, offset: number): Buffer {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(0x0314, 4);
  header.writeUInt16LE(20, 6);
  header.writeUInt16LE(DAY, 14);
  header.writeUInt32LE(sum, 16);
  header.writeUInt32LE(data.length, 20);
  header.writeUInt32LE(data.length, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt32LE((0o100644 << 16) >>> 0, 38);
  header.writeUInt32LE(offset, 42);
  return header;
}

/** The first of January 2020, in the way of archives. */
const DAY = (40 << 9) | (1 << 5) | 1;
