/** @jsxImportSource @kitajs/html */
/** What a request was asked with, and who chose it. */

export type ParameterData = { readonly name: string; readonly value: string; readonly from: string };

export function ParameterTable({ parameters }: { parameters: readonly ParameterData[] | null }): JSX.Element {
  if (parameters === null) return <p class="story__aside">None are recorded for this request.</p>;
  if (parameters.length === 0) return <p class="story__aside">Nobody named any: all were the engine’s own defaults.</p>;
  return (
    <>
      <table class="table story__parameters">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" class="table__number">
              Value
            </th>
            <th scope="col">Chosen by</th>
          </tr>
        </thead>
        <tbody>
          {parameters.map(({ name, value, from }) => (
            <tr>
              <th scope="row">
                <code safe>{name}</code>
              </th>
              <td class="table__number" safe>
                {value}
              </td>
              <td safe>{from}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="story__aside">All else was left to the engine’s own defaults.</p>
    </>
  );
}
