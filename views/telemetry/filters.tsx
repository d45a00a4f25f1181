/** @jsxImportSource @kitajs/html */
/** What of the records is looked at. A form with an address, so that it works without scripts and can be kept. */

export type FilterData = {
  readonly range: string;
  /** As an input of date and time takes it; '' = the period of `range`. */
  readonly from: string;
  readonly to: string;
  readonly model: string;
  readonly outcome: string;
  readonly client: string;
  readonly route: string;
  readonly ended: string;
  readonly against: string;
  readonly models: readonly string[];
  readonly clients: readonly string[];
  readonly routes: readonly string[];
  readonly endings: readonly Option[];
  readonly rivals: readonly Option[];
};

export type Option = { readonly value: string; readonly label: string };

export const filtersId = 'telemetry-filters';

const OUTCOMES: readonly Option[] = [
  { value: 'completed', label: 'Completed' },
  { value: 'failed', label: 'Failed' },
  { value: 'cancelled', label: 'Cancelled' },
];

export function Filters({ filter }: { filter: FilterData }): JSX.Element {
  const isMoreUsed = [filter.from, filter.to, filter.route, filter.ended, filter.against].some((value) => value !== '');
  return (
    <form class="telemetry-filters" id={filtersId} method="get" action="/telemetry">
      <div class="telemetry-filters__row">
        <input type="hidden" name="range" value={filter.range} />
        <Choice name="model" label="Model" none="All models" value={filter.model} all={plain(filter.models)} />
        <Choice name="outcome" label="Outcome" none="All outcomes" value={filter.outcome} all={OUTCOMES} />
        <Choice name="client" label="Client" none="All clients" value={filter.client} all={plain(filter.clients)} />
        <button class="button" type="submit">
          Show
        </button>
      </div>
      <details class="telemetry-filters__more" id="telemetry-more" {...(isMoreUsed ? { open: true } : {})}>
        <summary>More filters, another period, comparison</summary>
        <div class="telemetry-filters__row">
          <Moment name="from" label="From" value={filter.from} />
          <Moment name="to" label="Until" value={filter.to} />
          <Choice name="route" label="Route" none="All routes" value={filter.route} all={plain(filter.routes)} />
          <Choice name="ended" label="Ended by" none="Anything" value={filter.ended} all={filter.endings} />
          <Choice
            name="against"
            label="Compare with"
            none="The period before, in figures"
            value={filter.against}
            all={filter.rivals}
          />
          <button class="button" type="submit">
            Show
          </button>
        </div>
      </details>
    </form>
  );
}

function Moment({ name, label, value }: { name: string; label: string; value: string }): JSX.Element {
  const id = `telemetry-${name}`;
  return (
    <div class="field">
      <label class="field__label" for={id} safe>
        {label}
      </label>
      <input class="input" type="datetime-local" step="1" id={id} name={name} value={value} />
    </div>
  );
}

type ChoiceProps = {
  readonly name: string;
  readonly label: string;
  readonly none: string;
  readonly value: string;
  readonly all: readonly Option[];
};

function Choice({ name, label, none, value, all }: ChoiceProps): JSX.Element {
  const id = `telemetry-${name}`;
  const isKnown = value === '' || all.some((one) => one.value === value);
  const options = isKnown ? all : [{ value, label: value }, ...all];
  return (
    <div class="field">
      <label class="field__label" for={id} safe>
        {label}
      </label>
      <select class="input" id={id} name={name}>
        <option value="" safe>
          {none}
        </option>
        {options.map((one) => (
          <option value={one.value} {...(one.value === value ? { selected: true } : {})} safe>
            {one.label}
          </option>
        ))}
      </select>
    </div>
  );
}

function plain(values: readonly string[]): readonly Option[] {
  return values.map((value) => ({ value, label: value }));
}
