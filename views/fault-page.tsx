/** @jsxImportSource @kitajs/html */
/** A page that could not be shown, and why. */

export type FaultPageProps = {
  readonly status: number;
  readonly message: string;
  readonly hint: string | null;
  readonly requestId: string;
};

export function FaultPage({ status, message, hint, requestId }: FaultPageProps): JSX.Element {
  return (
    <div class="fault">
      <p class="fault__status" safe>
        {String(status)}
      </p>
      <h1 class="fault__message" safe>
        {message}
      </h1>
      {hint === null ? '' : <p safe>{hint}</p>}
      <p>
        <a class="button" href="/">
          Go to the Monitor
        </a>
      </p>
      <p class="fault__id" safe>{`Request ${requestId}`}</p>
    </div>
  );
}
