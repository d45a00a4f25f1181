/** How quantities are said. What is said with them: the tests of each page. */
import { expect, test } from 'bun:test';
import { bytesText } from '#views/parts/quantity.tsx';

test('bytes are said in the unit that leaves something of them', () => {
  const said = [0, 12, 38_400, 499_000, 640e6, 18.2e9, 412e9].map(bytesText);
  expect(said).toEqual(['0 GB', '12 B', '38 kB', '499 kB', '640 MB', '18.2 GB', '412 GB']);
});
