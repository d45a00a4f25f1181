/** @jsxImportSource @kitajs/html */
/** Lines of a log: time, where from, how serious, and the text in the colours that its writer gave it. */
import { opensRequest } from '../requests/addresses.ts';

export type LineStyle = {
  readonly colour: 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | null;
  readonly isBold: boolean;
  readonly isQuiet: boolean;
  readonly isItalic: boolean;
  readonly isUnderlined: boolean;
};

export type LineSpan = { readonly text: string; readonly style: LineStyle };

/** The id of a request; it leads there. */
export type RequestSpan = LineSpan & { readonly requestId: string };

export type LineData = {
  /** Grows with each line of this run; null for a line of a file. */
  readonly sequence: number | null;
  /** ms since 1970; null when the line does not say. */
  readonly atMs: number | null;
  readonly timeText: string;
  readonly level: 'debug' | 'info' | 'warning' | 'error';
  /** Null where all lines come from the same. */
  readonly source: string | null;
  readonly spans: readonly (LineSpan | RequestSpan)[];
  /** The line that was asked for by its time. */
  readonly isMarked: boolean;
};

/** Some lines, and what is around them. */
export type LinesData = {
  readonly lines: readonly LineData[];
  /** Lines that were lost before these. */
  readonly missing: number;
  /** Lines of the source so far, to be compared with later counts. */
  readonly total: number;
  /** The newest sequence that these lines are of. */
  readonly latest: number;
  /** Where to ask for older ones: a sequence, or bytes of a file; null when these are the first. */
  readonly older: number | null;
};

/** The lines as a list of their own, as the page's script asks for them. */
export function LogLines({ data }: { data: LinesData }): JSX.Element {
  return (
    <ol
      class="log__lines"
      id="log-lines"
      data-total={String(data.total)}
      data-latest={String(data.latest)}
      data-older={data.older === null ? '' : String(data.older)}
    >
      {data.missing > 0 ? <Gap count={data.missing} /> : ''}
      {data.lines.map((line) => (
        <Line line={line} />
      ))}
    </ol>
  );
}

function Gap({ count }: { count: number }): JSX.Element {
  const words = `… ${count.toLocaleString('en-US')} ${count === 1 ? 'line' : 'lines'} dropped`;
  return (
    <li class="log__gap" safe>
      {words}
    </li>
  );
}

function Line({ line }: { line: LineData }): JSX.Element {
  const { sequence, atMs, level, source } = line;
  return (
    <li
      class="log__line"
      data-level={level}
      {...(sequence === null ? {} : { 'data-sequence': String(sequence) })}
      {...(atMs === null ? {} : { 'data-ms': String(atMs) })}
      {...(line.isMarked ? { 'data-marked': 'yes' } : {})}
    >
      <span class="log__time" safe>
        {line.timeText}
      </span>
      {source === null ? (
        ''
      ) : (
        <span class="log__source" safe>
          {source}
        </span>
      )}
      <span class="log__level">{level}</span>
      <span class="log__text">
        {line.spans.map((span) => ('requestId' in span ? <RequestLink span={span} /> : <Text span={span} />))}
      </span>
    </li>
  );
}

function RequestLink({ span: { text, requestId } }: { span: RequestSpan }): JSX.Element {
  return (
    <a class="log__request" title="Show this request" {...opensRequest(requestId)} safe>
      {text}
    </a>
  );
}

function Text({ span: { text, style } }: { span: LineSpan }): JSX.Element {
  const classes = [
    style.colour && `ansi--${style.colour}`,
    style.isBold && 'ansi--bold',
    style.isQuiet && 'ansi--quiet',
    style.isItalic && 'ansi--italic',
    style.isUnderlined && 'ansi--underlined',
  ].filter((name) => typeof name === 'string');
  if (classes.length === 0) return <span safe>{text}</span>;
  return (
    <span class={classes} safe>
      {text}
    </span>
  );
}
