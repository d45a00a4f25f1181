/** @jsxImportSource @kitajs/html */
/** Quantities as words: the only place where numbers become text. GB are 10⁹ bytes, as on the label of a disk. */

const GIGA = 1e9;
const MEGA = 1e6;
const KILO = 1e3;
const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

// `toLocaleString` makes one of these each time: with rows drawn ten times a second, most of what a row costs.
const formats = new Map<number, Intl.NumberFormat>();

function grouped(value: number, fractionDigits = 0): string {
  const format = formats.get(fractionDigits) ?? numberFormat(fractionDigits);
  formats.set(fractionDigits, format);
  return format.format(value);
}

function numberFormat(fractionDigits: number): Intl.NumberFormat {
  return new Intl.NumberFormat('en-US', {
    minimumFractionDigits: fractionDigits,
    maximumFractionDigits: fractionDigits,
  });
}

/** `18.2 GB`, `640 MB`, `38 kB`, `12 B`, and `0 GB` for nothing. */
export function bytesText(bytes: number): string {
  if (bytes < 1) return '0 GB';
  if (bytes < KILO) return `${grouped(bytes)} B`;
  if (bytes < MEGA / 2) return `${grouped(bytes / KILO)} kB`;
  if (bytes >= 100 * GIGA) return `${grouped(bytes / GIGA)} GB`;
  if (bytes >= GIGA) return `${grouped(bytes / GIGA, 1)} GB`;
  return `${grouped(bytes / MEGA)} MB`;
}

/** `38 s`, `4:31`, `2 h 05 min`, `3 d`. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE_S) return `${whole} s`;
  if (whole < HOUR_S) return `${Math.floor(whole / MINUTE_S)}:${String(whole % MINUTE_S).padStart(2, '0')}`;
  if (whole < DAY_S) {
    return `${Math.floor(whole / HOUR_S)} h ${String(Math.floor((whole % HOUR_S) / MINUTE_S)).padStart(2, '0')} min`;
  }
  return `${Math.floor(whole / DAY_S)} d`;
}

/** `45 ms`, `0.4 s`, `12 s`; for things that are over. */
export function elapsedText(milliseconds: number): string {
  if (milliseconds < 100) return `${Math.max(1, Math.round(milliseconds))} ms`;
  return milliseconds < 10_000 ? `${(milliseconds / 1000).toFixed(1)} s` : durationText(milliseconds / 1000);
}

/** `18,420`. */
export function countText(count: number): string {
  return grouped(count);
}

/** `100 k`, `4.1 k`, `512`; for contexts and prompts. */
export function tokensText(tokens: number): string {
  if (tokens < 1000) return String(tokens);
  return tokens < 10_000 ? `${(tokens / 1000).toFixed(1)} k` : `${grouped(Math.round(tokens / 1000))} k`;
}

/** `23.4 M`, and as `tokensText` below a million; for sums over many requests. */
export function tokenSumText(tokens: number): string {
  return tokens < 1e6 ? tokensText(tokens) : `${grouped(tokens / 1e6, 1)} M`;
}

/** `43.1 tok/s`. */
export function rateText(tokensPerS: number): string {
  return `${tokensPerS < 100 ? tokensPerS.toFixed(1) : grouped(tokensPerS)} tok/s`;
}

/** `63 %`; never 100 before it is all. */
export function percentText(ratio: number): string {
  return `${ratio >= 1 ? 100 : Math.min(99, Math.max(0, Math.floor(ratio * 100)))} %`;
}

/** `1 request`, `2 requests`. */
export function pluralText(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}
