/** How much lies in a folder, counted without holding up anything else. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of all files below a folder; those that go meanwhile count nothing, and links are not followed. */
export async function folderSize(folder: string): Promise<number> {
  let sum = 0;
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const entries = await readdir(next, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) if (entry.isDirectory()) waiting.push(join(next, entry.name));
    const files = entries.filter((entry) => entry.isFile());
    const sizes = await Promise.all(files.map((entry) => sizeOf(join(next, entry.name))));
    for (const size of sizes) sum += size;
  }
  return sum;
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
