/** From a rendered view to text that is safe in a browser that runs htmx. */
import { assert } from '#src/assert.ts';

/** A start tag with its quoted values, as the view renderer writes it: text outside tags has its `<` escaped. */
const START_TAG = /<[a-z][^">]*(?:"[^"]*"[^">]*)*>/gi;
const QUOTED = /"[^"]*[<>][^"]*"/g;

/**
 * The text of a rendered view. Views are synchronous over fetched data; a promise here is a mistake.
 *
 * htmx 4 rewrites every `<hx-name` of an answer to `<template hx type="name"` before it parses, also inside attribute
 * values, where the renderer escapes only quotes: a model called `<hx-a x-init=…` would break out of its own
 * `aria-label` and bring attributes. So no angle bracket stays in an attribute.
 */
export function markupOf(markup: JSX.Element): string {
  assert(typeof markup === 'string', 'a view that is not asynchronous');
  return markup.replace(START_TAG, (tag) =>
    tag.replace(QUOTED, (value) => value.replaceAll('<', '&lt;').replaceAll('>', '&gt;')),
  );
}
