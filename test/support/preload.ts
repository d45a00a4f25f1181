/** Runs before every test file: real engines, browsers and processes take their time, and nothing may fail unheard. */
import { setDefaultTimeout } from 'bun:test';

setDefaultTimeout(60_000);

// A rejection that nobody handled is a failure, whatever the test says.
process.on('unhandledRejection', (reason) => {
  process.stderr.write(`Unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}\n`);
  process.exitCode = 1;
});
