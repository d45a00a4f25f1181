/** `connections.json` in the data folder: which agents are connected, and what it takes to undo that. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Fault, systemCodeOf } from '#src/faults.ts';
import { makeFolders, write } from './target.ts';

const Place = Type.Array(
  Type.Union([
    Type.String(),
    Type.Object({ where: Type.String(), is: Type.String() }, { additionalProperties: false }),
  ]),
);
const ConnectedFile = Type.Object({
  path: Type.String(),
  format: Type.Union([Type.Literal('json'), Type.Literal('toml'), Type.Literal('yaml')]),
  /** Copy of the file as it was before the first connection; null when there was no file. */
  backup: Type.Union([Type.Null(), Type.String()]),
  mode: Type.Union([Type.Null(), Type.Integer()]),
  /** Folders that were made for it, outermost first. */
  folders: Type.Array(Type.String()),
  /** SHA-256 of what was written last. */
  digest: Type.String(),
  /** Somebody else changed it between two connections, so the copy is not all that has to come back. */
  isMixed: Type.Boolean(),
  changes: Type.Array(Type.Object({ at: Place, value: Type.Unknown() })),
});
export type ConnectedFile = Static<typeof ConnectedFile>;
const Connection = Type.Object({
  agent: Type.String(),
  model: Type.String(),
  url: Type.String(),
  connectedAt: Type.String(),
  files: Type.Array(ConnectedFile),
});
export type Connection = Static<typeof Connection>;
const LedgerFile = Type.Object({ version: Type.Literal(1), connections: Type.Array(Connection) });

const NAME = 'connections.json';
const PRIVATE_MODE = 0o600;

/** All connections; none when there is no ledger. Throws Fault('conflict') for one that cannot be read. */
export function connections(dataDir: string): readonly Connection[] {
  const path = join(dataDir, NAME);
  try {
    const ledger: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (Value.Check(LedgerFile, ledger)) return ledger.connections;
  } catch (cause) {
    if (systemCodeOf(cause) === 'ENOENT') return [];
  }
  throw new Fault('conflict', `${path} cannot be read, so Flow does not know what it has changed.`, {
    hint: 'Move it away; the copies beside the changed files end in .flow-backup.',
  });
}

/** Writes the connection of one agent in place of its former one; null removes it. */
export function record(dataDir: string, agent: string, connection: Connection | null): void {
  const others = connections(dataDir).filter((one) => one.agent !== agent);
  const path = join(dataDir, NAME);
  makeFolders(path);
  const ledger = { version: 1, connections: connection === null ? others : [...others, connection] };
  write(path, `${JSON.stringify(ledger, null, 2)}\n`, PRIVATE_MODE);
}
