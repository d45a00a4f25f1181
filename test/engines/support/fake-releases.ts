/**
 * A release host as GitHub's API describes one: a real server on loopback with real archives, made to misbehave at
 * will.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Misbehaviour = {
  /** Replaces the digest of the archive; null leaves it out. */
  readonly digest?: string | null;
  /** Sends only so many bytes of the archive, then ends the connection. */
  readonly cutAfterBytes?: number;
  /** Announces this size instead of the true one. */
  readonly sizeBytes?: number;
  /** Answers the archive by redirecting here instead. */
  readonly redirectTo?: (origin: string) => string;
  /** Statuses instead of the release document and the archive. */
  readonly releaseStatus?: number;
  readonly archiveStatus?: number;
  /** More assets, for example a list of checksums: name and text. */
  readonly files?: Readonly<Record<string, string>>;
  /** Name of the archive. */
  readonly assetName?: string;
  /** Waits for this before the archive's second half. */
  readonly halfway?: Promise<void>;
};

export type FakeReleases = Disposable & {
  readonly url: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly assetName: string;
  /** Paths asked for, in order. */
  readonly asked: readonly string[];
};

export const TAG = 'b11434';

/** Serves one release whose archive is these bytes. */
export function fakeReleases(archive: Uint8Array, misbehaviour: Misbehaviour = {}): FakeReleases {
  const sha256 = new Bun.CryptoHasher('sha256').update(archive).digest('hex');
  const assetName = misbehaviour.assetName ?? `llama-${TAG}-bin-ubuntu-x64.tar.gz`;
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      const { pathname, origin } = new URL(request.url);
      asked.push(pathname);
      if (pathname === '/releases/latest' || pathname === `/releases/tags/${TAG}`) return release(origin);
      if (pathname === '/moved') return archiveAnswer(archive, misbehaviour);
      if (pathname === '/loop') return Response.redirect(`${origin}/loop`, 302);
      if (pathname === `/files/${assetName}`) {
        if (misbehaviour.redirectTo) return Response.redirect(misbehaviour.redirectTo(origin), 302);
        return archiveAnswer(archive, misbehaviour);
      }
      const text = misbehaviour.files?.[pathname.slice('/files/'.length)];
      return text === undefined ? new Response('nothing here', { status: 404 }) : new Response(text);
    },
  });
  const release = (origin: string): Response => {
    if (misbehaviour.releaseStatus) return new Response('no', { status: misbehaviour.releaseStatus });
    const digest = misbehaviour.digest === undefined ? `sha256:${sha256}` : misbehaviour.digest;
    const asset = (name: string, size: number, more = {}) => ({
      name,
      size,
      browser_download_url: `${origin}/files/${name}`,
      ...more,
    });
    const files = Object.entries(misbehaviour.files ?? {}).map(([name, text]) => asset(name, text.length));
    const size = misbehaviour.sizeBytes ?? archive.length;
    return Response.json({ tag_name: TAG, assets: [asset(assetName, size, { digest }), ...files] });
  };
  return {
    url: `http://127.0.0.1:${server.port}/releases`,
    sha256,
    sizeBytes: archive.length,
    assetName,
    asked,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

function archiveAnswer(archive: Uint8Array, { archiveStatus, cutAfterBytes, halfway }: Misbehaviour): Response {
  if (archiveStatus) return new Response('no', { status: archiveStatus });
  const half = Math.floor(archive.length / 2);
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(archive.slice(0, cutAfterBytes ?? half));
      if (cutAfterBytes === undefined) {
        await halfway;
        controller.enqueue(archive.slice(half));
      }
      controller.close();
    },
  });
  return new Response(body);
}

/** A program that answers as llama-server does when it is asked for its version and its flags. */
export const FAKE_PROGRAM = `#!/bin/sh
case "$1" in
  --version) echo "version: 11434 (abc1234)" >&2 ;;
  --help) printf '%s\\n' '--no-ui   none' '--load-mode MODE   how' ;;
esac
`;

/**
 * The bytes of a .tar.gz; names with a path in them are given to tar as they are, which is how hostile ones come
 * about.
 */
export async function tarGz(
  files: Readonly<Record<string, string>>,
  more: readonly string[] = [],
): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'flow-tar-'));
  try {
    const content = join(folder, 'content');
    mkdirSync(content);
    for (const [name, text] of Object.entries(files)) {
      const path = join(content, name);
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, text);
      chmodSync(path, 0o755);
    }
    const path = join(folder, 'archive.tar.gz');
    await Bun.$`tar -czf ${path} -C ${content} ${[...more]} .`.quiet();
    return new Uint8Array(await Bun.file(path).arrayBuffer());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** An archive laid out as llama.cpp's are. */
export function goodArchive(program = FAKE_PROGRAM): Promise<Uint8Array> {
  return tarGz({ [`llama-${TAG}/llama-server`]: program, [`llama-${TAG}/LICENSE`]: 'MIT' });
}
