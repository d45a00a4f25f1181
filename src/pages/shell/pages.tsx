/** @jsxImportSource @kitajs/html */
/** What is asked for from every page: the palette's answers. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import type { Shell } from '#src/web/shell.tsx';
import { type Command, PaletteResults } from '#views/shell/palette.tsx';
import { searchesFor } from './commands.ts';
import { findCommands } from './find-commands.ts';

export type ShellPagesParts = {
  readonly shell: Shell;
  /** What can be done now, in the order of its weight. */
  readonly commands: () => readonly Command[];
};

const QUERY_CHARACTERS_MAX = 100;
const PaletteQuery = t.Object({ q: t.Optional(t.String({ maxLength: QUERY_CHARACTERS_MAX })) });

export const shellPages = ({ shell, commands }: ShellPagesParts) =>
  new Elysia({ name: 'shell-pages' }).get(
    '/palette',
    ({ query }) => {
      const asked = query.q ?? '';
      const found = [...findCommands(commands(), asked), ...searchesFor(asked)];
      return shell.fragment(<PaletteResults commands={found} />);
    },
    { ...access('page'), query: PaletteQuery },
  );
