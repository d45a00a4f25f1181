/**
 * What Flow writes down of a Python environment, so that nothing of it need be started to be listed. It is written
 * last: an environment without it is half made, and is never used.
 */
import { readFileSync } from 'node:fs';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { ServerOptions } from './options.ts';

/** The manifest's name in an environment's folder. */
export const MANIFEST = 'flow-engine.json';

const Choices = Type.Union([Type.Null(), Type.Array(Type.String())]);

/** What a server says of itself. */
export const ServerFacts = Type.Object({
  version: Type.Union([Type.Null(), Type.String()]),
  /** The version of MLX below it. */
  mlx: Type.Union([Type.Null(), Type.String()]),
  python: Type.Union([Type.Null(), Type.String()]),
  /** Options of a start with their values. */
  options: Type.Record(Type.String(), Choices),
});
export type ServerFacts = Static<typeof ServerFacts>;

const Manifest = Type.Composite([
  ServerFacts,
  Type.Object({
    kind: Type.String(),
    installedAtMs: Type.Number(),
    /** Bytes of all its files when it was made. */
    sizeBytes: Type.Number(),
  }),
]);
export type Manifest = Static<typeof Manifest>;

/** An environment's manifest; null when there is none that can be read. */
export function readManifest(path: string): Manifest | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Value.Check(Manifest, value) ? value : null;
  } catch {
    return null;
  }
}

/** The options as they are written down. */
export function optionsOf({ options }: ServerFacts): ServerOptions {
  return new Map(Object.entries(options));
}
