/** Ollama's images: base64 without a word about what it holds. */
import type { ContentPart } from '#src/dialects/chat-request.ts';
import { listAt, nameAt } from '#src/dialects/invalid.ts';
import { isGiven } from '#src/json.ts';

/** Enough base64 to see twelve bytes. */
const OPENING_CHARACTERS = 16;
/** Engines look into the bytes themselves; this only must name an image. */
const TYPE_DEFAULT = 'image/jpeg';

/** The images as parts of a message. */
export function readImages(value: unknown, path: string): readonly ContentPart[] {
  if (!isGiven(value)) return [];
  return listAt(value, path).map((image, index) => {
    const data = nameAt(image, `${path}.${index}`);
    const url = /^data:/i.test(data) ? data : `data:${imageType(data)};base64,${data}`;
    return { type: 'image_url', image_url: { url } };
  });
}

/** The media type by the first bytes. */
function imageType(base64: string): string {
  const bytes = Buffer.from(base64.slice(0, OPENING_CHARACTERS), 'base64').toString('latin1');
  if (bytes.startsWith('\x89PNG')) return 'image/png';
  if (bytes.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (bytes.startsWith('GIF8')) return 'image/gif';
  if (bytes.startsWith('BM')) return 'image/bmp';
  if (bytes.startsWith('RIFF') && bytes.slice(8, 12) === 'WEBP') return 'image/webp';
  return TYPE_DEFAULT;
}
