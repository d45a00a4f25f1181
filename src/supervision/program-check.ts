/** Looks at an engine's program before it is run: `sh` would read what is no program as a script, and blame that. */
import { accessSync, closeSync, constants, existsSync, openSync, readSync } from 'node:fs';
import type { CrashReport } from '#src/engines/engine.ts';

const ELF = '7f454c46';
/** Mach-O, 32 and 64 bits, either byte order, and universal files. */
const MACH_O = new Set(['feedface', 'feedfacf', 'cefaedfe', 'cffaedfe', 'cafebabe', 'cafebabf']);
const SCRIPT = '2321';
/** Field `e_machine` of an ELF header. */
const ELF_MACHINE_OFFSET = 18;
const ELF_MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

/** Why this file cannot be run here, or null when it looks as if it could. A bare name is left to the search path. */
export function checkProgram(path: string): CrashReport | null {
  if (!path.includes('/')) return null;
  if (!existsSync(path)) return refusal(`The engine ${path} is gone.`);
  const head = readHead(path);
  if (head === null || !mayExecute(path)) return refusal(`The engine ${path} may not be executed (permission denied).`);
  const magic = head.toString('hex', 0, 4);
  if (magic.startsWith(SCRIPT) || MACH_O.has(magic)) return null;
  if (magic !== ELF) return refusal(`The engine ${path} is not a program.`);
  const machine = ELF_MACHINES[process.arch];
  const isForHere = machine === undefined || head.readUInt16LE(ELF_MACHINE_OFFSET) === machine;
  return isForHere
    ? null
    : refusal(`The engine ${path} is a program for another kind of machine than ${process.arch}.`);
}

function refusal(message: string): CrashReport {
  const ends = { exitCode: null, signal: null, tail: [] };
  return { kind: 'not-executable', isSticky: true, message, hint: 'Choose or install another engine.', ...ends };
}

function mayExecute(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function readHead(path: string): Buffer | null {
  try {
    const file = openSync(path, 'r');
    try {
      const head = Buffer.alloc(20);
      readSync(file, head, 0, head.length, 0);
      return head;
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}
