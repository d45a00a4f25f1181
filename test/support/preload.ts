/** Runs before every test file: real engines, browsers and processes take their time, and nothing may fail unheard. */
import { afterEach, setDefaultTimeout } from 'bun:test';
import { settleTroubles } from './page-troubles.ts';

setDefaultTimeout(60_000);

// A rejection that nobody handled is a failure, whatever the test says.
process.on('unhandledRejection', (reason) => {
  process.stderr.write(`Unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}\n`);
  process.exitCode = 1;
});

// Whatever a test looks at, its pages had no errors, refused policies or failed requests.
afterEach(() => {
  const troubles = settleTroubles();
  if (troubles.length > 0) throw new Error(`A page was in trouble:\n${troubles.join('\n')}`);
});
