/** Documents in a prompt: what surrounds the text of one, and what stands for one that no local model can read. */

/** For the record of a request that had one. */
export const PDF_LEFT_OUT = 'a PDF document was left out: a local model cannot read it, a tool such as pdftotext can';

/** What follows the text of a document. */
export const DOCUMENT_END = '</document>';

/** What precedes the text of a document. */
export function documentBegin(title: string | null): string {
  return title === null ? '<document>' : `<document title="${title.replaceAll('"', '&quot;')}">`;
}

/**
 * Stands for a PDF, and says what helps, since agents have tools that read them. (Most have fonts with encodings of
 * their own, so that taking out their text is a program by itself.)
 */
export function omittedPdf(title: string | null): string {
  return `[PDF omitted${title === null ? '' : `: ${title}`}. Its text can be read with a tool such as pdftotext.]`;
}
