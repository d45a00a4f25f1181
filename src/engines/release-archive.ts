/** llama.cpp's own release archives, by the API of its release host. */
import { existsSync } from 'node:fs';
import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '#src/faults.ts';
import { isObject, jsonOrNull, numberOrNull, stringOrNull } from '#src/json.ts';
import { unpack } from './archive.ts';
import { downloadFile, downloadText } from './download.ts';
import { type Environment, toolEnvironment } from './environment.ts';
import type { Fetched, InstallRequest, InstallSource } from './install-source.ts';

export type ReleaseArchiveDeps = {
  /** Address of the list of releases; `/latest` and `/tags/<tag>` are asked for. */
  readonly releasesUrl: string;
  readonly platform: string;
  readonly architecture: string;
  /** Whether a Vulkan loader is there: only then is the larger build with Vulkan worth fetching. */
  readonly hasVulkan: () => boolean;
  readonly environment: Environment;
};

export type Release = { readonly tag: string; readonly assets: readonly Asset[] };
export type Asset = {
  readonly name: string;
  readonly url: string;
  readonly sizeBytes: number;
  /** From the host's own `digest` field; null when it has none. */
  readonly sha256: string | null;
};

export const RELEASES_URL = 'https://api.github.com/repos/ggml-org/llama.cpp/releases';

const API_ACCEPT = 'application/vnd.github+json';
const API_BYTES_MAX = 8 << 20;
const CHECKSUMS_BYTES_MAX = 1 << 20;
/** Archive, unpacked files and some air: an archive of libraries unpacks to about three times its size. */
const DISK_FACTOR = 5;
const VULKAN_LOADERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/lib',
  '/lib/x86_64-linux-gnu',
];

/** The source that downloads, verifies and unpacks a release. */
export function releaseArchive(deps: ReleaseArchiveDeps): InstallSource {
  return {
    name: 'release',
    canServe: () => assetNames(deps).length > 0,
    fetch: (request) => fetchRelease(request, deps),
  };
}

/** What the release host says of a release; the newest for null. Throws a Fault. */
export async function readRelease(releasesUrl: string, version: string | null, signal: AbortSignal): Promise<Release> {
  const path = version === null ? 'latest' : `tags/${encodeURIComponent(version)}`;
  const text = await downloadText(`${releasesUrl}/${path}`, API_ACCEPT, API_BYTES_MAX, signal).catch((cause) => {
    const isUnknown = version !== null && cause instanceof Fault && cause.kind === 'not-found';
    throw isUnknown ? new Fault('not-found', `There is no llama.cpp release \`${version}\`.`, { cause }) : cause;
  });
  const release = parseRelease(text);
  if (!release) throw new Fault('install-failed', `The release host's answer at /${path} is not understood.`);
  return release;
}

/** Whether the system has a Vulkan loader. */
export function hasVulkanLoader(): boolean {
  return VULKAN_LOADERS.some((folder) => existsSync(join(folder, 'libvulkan.so.1')));
}

async function fetchRelease(request: InstallRequest, deps: ReleaseArchiveDeps): Promise<Fetched> {
  const { report, signal, stagingDir } = request;
  report({ phase: 'looking', bytes: 0, totalBytes: null, message: 'Looking for a llama.cpp release' });
  const release = await readRelease(deps.releasesUrl, request.version, signal);
  const asset = pickAsset(release, deps);
  const sha256 = asset.sha256 ?? (await publishedChecksum(release, asset, signal));
  await checkDisk(stagingDir, asset.sizeBytes * DISK_FACTOR);
  const archivePath = join(stagingDir, asset.name);
  const step = { bytes: asset.sizeBytes, totalBytes: asset.sizeBytes };
  const message = `Downloading ${asset.name}`;
  const onBytes = (bytes: number) => report({ phase: 'downloading', bytes, totalBytes: asset.sizeBytes, message });
  onBytes(0);
  await downloadFile({ url: asset.url, path: archivePath, sizeBytes: asset.sizeBytes, sha256, signal, onBytes });
  report({ phase: 'verifying', ...step, message: `${asset.name} has the announced SHA-256` });
  report({ phase: 'unpacking', ...step, message: `Unpacking ${asset.name}` });
  const folder = join(stagingDir, 'unpacked');
  await mkdir(folder, { mode: 0o700 });
  await unpack({ archivePath, into: folder, env: toolEnvironment(deps.environment), signal });
  return { kind: 'folder', id: release.tag, folder };
}

function pickAsset(release: Release, deps: ReleaseArchiveDeps): Asset {
  const wanted = assetNames(deps);
  for (const name of wanted) {
    for (const suffix of ['.tar.gz', '.zip']) {
      const asset = release.assets.find((each) => each.name.endsWith(`-bin-${name}${suffix}`));
      if (asset) return asset;
    }
  }
  throw new Fault(
    'install-failed',
    `llama.cpp ${release.tag} has no archive for this machine (${wanted.join(' or ')}).`,
  );
}

/** The names of the builds that fit this machine, best first. */
function assetNames({ platform, architecture, hasVulkan }: ReleaseArchiveDeps): string[] {
  switch (`${platform}-${architecture}`) {
    case 'darwin-arm64':
      return ['macos-arm64'];
    case 'darwin-x64':
      return ['macos-x64'];
    case 'linux-x64':
      return hasVulkan() ? ['ubuntu-vulkan-x64', 'ubuntu-x64'] : ['ubuntu-x64', 'ubuntu-vulkan-x64'];
    case 'linux-arm64':
      return ['ubuntu-arm64'];
    default:
      return [];
  }
}

/** The checksum from a file beside the archive, for hosts that have no `digest` field. */
async function publishedChecksum(release: Release, asset: Asset, signal: AbortSignal): Promise<string> {
  const isList = (name: string) => /^(sha256sums?|checksums?)(\.txt)?$/i.test(name);
  const file = release.assets.find(({ name }) => name === `${asset.name}.sha256` || isList(name));
  if (file) {
    const text = await downloadText(file.url, 'text/plain', CHECKSUMS_BYTES_MAX, signal);
    const line = text.split('\n').find((each) => !isList(file.name) || each.trim().endsWith(asset.name));
    const sha256 = /^([0-9a-f]{64})\b/i.exec(line ?? '')?.[1];
    if (sha256) return sha256.toLowerCase();
  }
  throw new Fault('install-failed', `${asset.name} is refused: the release publishes no SHA-256 checksum for it.`);
}

async function checkDisk(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= neededBytes) return;
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  throw new Fault('disk-full', `Installing needs ${megabytes(neededBytes)}; ${megabytes(free)} are free at ${folder}.`);
}

function parseRelease(text: string): Release | null {
  const value = jsonOrNull(text);
  if (!isObject(value) || !Array.isArray(value.assets)) return null;
  const tag = stringOrNull(value.tag_name);
  // It becomes the name of a folder.
  if (tag === null || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(tag)) return null;
  return { tag, assets: value.assets.flatMap((asset: unknown) => parseAsset(asset) ?? []) };
}

function parseAsset(value: unknown): Asset | null {
  if (!isObject(value)) return null;
  const name = stringOrNull(value.name);
  const url = stringOrNull(value.browser_download_url);
  const sizeBytes = numberOrNull(value.size);
  if (name === null || url === null || sizeBytes === null || !/^[\w.+-]{1,200}$/.test(name)) return null;
  const sha256 = /^sha256:([0-9a-f]{64})$/i.exec(stringOrNull(value.digest) ?? '')?.[1]?.toLowerCase() ?? null;
  return { name, url, sizeBytes, sha256 };
}
