/**
 * The text of a key: how it is made, recognised and kept. 256 random bits cannot be guessed, so one SHA-256 is all that
 * has to stand between the database and the key: slow hashes are for passwords, which people choose.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';

const MARK = 'flow_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Letters and digits only, so that a double click takes all of it; 43 of them hold 256 bits. */
const LETTERS = 43;
const KEY_TEXT = new RegExp(`^${MARK}[0-9A-Za-z]{${LETTERS}}$`);
const TAIL_LENGTH = 4;
const SESSION_PURPOSE = 'flow dashboard session, version 1';

/** A new key. */
export function newKeyText(): string {
  let number = BigInt(`0x${randomBytes(32).toString('hex')}`);
  let letters = '';
  for (let count = 0; count < LETTERS; count += 1) {
    letters = `${ALPHABET[Number(number % 62n)]}${letters}`;
    number /= 62n;
  }
  return MARK + letters;
}

/** Whether a text can only be a key that Flow made: a wrong one of these is never taken for somebody's placeholder. */
export function looksLikeKey(text: string): boolean {
  return KEY_TEXT.test(text);
}

/** The last letters, by which people recognise it. */
export function tailOf(key: string): string {
  return key.slice(-TAIL_LENGTH);
}

/** SHA-256 of a key or of a session, as it is kept and looked up. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** What the cookie of a dashboard holds that was opened with this key; the key cannot be told from it. */
export function sessionFor(key: string): string {
  return createHmac('sha256', key).update(SESSION_PURPOSE).digest('base64url');
}
