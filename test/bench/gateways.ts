/** Other gateways to be measured beside Flow: given by address, and set up by whoever gives them. */

/** A gateway that somebody runs before an engine like the bench's own. */
export type Gateway = {
  readonly name: string;
  readonly url: URL;
  /** What it calls the model. */
  readonly model: string;
  readonly headers: Readonly<Record<string, string>>;
};

/**
 * Where the bench keeps a flat engine for them, since they cannot follow Flow's from port to port:
 * `http://127.0.0.1:9595/v1`, any key, any model.
 */
export const GATEWAY_ENGINE_PORT = 9595;

/** Reads `NAME=URL[,model]`; the model is `flow-demo` when left out. A key stands in the URL: `http://:KEY@host:port`. */
export function parseGateway(given: string): Gateway {
  const equals = given.indexOf('=');
  const [address = '', model = 'flow-demo'] = given.slice(equals + 1).split(',', 2);
  if (equals < 1 || !URL.canParse(address)) {
    throw new Error(`--gateway takes NAME=URL[,model], not ${JSON.stringify(given)}.`);
  }
  const url = new URL(address);
  const headers: Record<string, string> = url.password === '' ? {} : { authorization: `Bearer ${url.password}` };
  return { name: given.slice(0, equals), url, model, headers };
}
