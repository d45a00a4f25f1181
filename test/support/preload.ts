/** Runs before every test file: a rejection that nobody handled is a failure, whatever the test says. */
process.on('unhandledRejection', (reason) => {
  process.stderr.write(`Unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}\n`);
  process.exitCode = 1;
});
