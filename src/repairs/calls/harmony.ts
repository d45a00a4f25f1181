/** `<|channel|>commentary to=functions.name <|constrain|>json<|message|>{…}<|call|>`: gpt-oss. */
import { type Head, type NamedJson, readNamedJson } from './named-json.ts';
import type { Offered } from './offered.ts';
import { type CallSyntax, meets } from './reading.ts';

const START = '<|start|>assistant';
const CHANNEL = '<|channel|>';
const MESSAGE = '<|message|>';
const RECIPIENT = /(?:^|\s)to=([^\s<]+)/;
/** What a head says besides marks: the channel, to whom, and that JSON follows. */
const PLAIN = /^[\w\s.:/=-]*$/;
const HEAD_ROOM = 120;

const MARKS: NamedJson = { head: readHead, callEnds: ['<|call|>', '<|end|>'], blockEnds: [] };

export const harmony: CallSyntax = {
  format: 'harmony',
  label: 'in gpt-oss’s channels',
  openers: [`${START} to=`, `${START}${CHANNEL}commentary to=`, `${CHANNEL}commentary to=`, `${CHANNEL}analysis to=`],
  isWholeAnswer: false,
  read(block, _opener, offered, end) {
    return readNamedJson(block, 0, MARKS, offered, end);
  },
};

function readHead(block: string, at: number, offered: Offered): Head {
  const room = offered.nameLengthMax + HEAD_ROOM;
  const place = block.indexOf(MESSAGE, at);
  const head = block.slice(at, place < 0 ? undefined : place);
  // Of what has come, the last may be the beginning of the mark.
  if (head.length - (place < 0 ? MESSAGE.length - 1 : 0) > room) return 'no';
  // A message starts once: where another does, this one was no call.
  const plain = head.replace(/^<\|start\|>/, ' ').replaceAll(/<\|(?:channel|constrain)\|>/g, ' ');
  if (place < 0) {
    const mark = plain.lastIndexOf('<');
    const isMark = mark < 0 || [MESSAGE, CHANNEL, '<|constrain|>'].some((word) => meets(plain, mark, word) === 'maybe');
    return isMark && PLAIN.test(mark < 0 ? plain : plain.slice(0, mark)) ? 'maybe' : 'no';
  }
  const name = RECIPIENT.exec(plain)?.[1] ?? null;
  return name !== null && PLAIN.test(plain) ? { name, at: place + MESSAGE.length } : 'no';
}
