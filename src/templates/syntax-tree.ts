/** Looks at a parsed template, and mends what its interpreter takes more strictly than engines do. */
import { isObject } from '#src/json.ts';

/** A template of the largest size that is looked at has no more. */
const NODES_MAX = 500_000;
const JOINS = ['+', '~'];
/** What has no name in this world: only these can be without a value. */
const NAMED = ['Identifier', 'MemberExpression'];

/**
 * Lets loops over what is not defined run no times, as in Python's Jinja and in llama.cpp; the interpreter would stop.
 * Changes the tree.
 */
export function loopOverNothing(tree: unknown): void {
  for (const node of nodesOf(tree)) {
    if (!('type' in node) || node.type !== 'For' || !('iterable' in node)) continue;
    const { iterable } = node;
    if (isNamed(iterable)) node.iterable = orNothing(iterable);
    else if (isObject(iterable) && iterable.type === 'SelectExpression' && 'lhs' in iterable && isNamed(iterable.lhs)) {
      node.iterable = Object.assign(iterable, { lhs: orNothing(iterable.lhs) });
    }
  }
}

/** Whether somewhere `… | safe` is joined with a text that stands in the template. */
export function joinsMarkup(tree: unknown): boolean {
  for (const node of nodesOf(tree)) {
    if (isJoin(node) && sides(node).some(endsInSafe) && sides(node).some(holdsText)) return true;
  }
  return false;
}

function* nodesOf(tree: unknown): Generator<object> {
  const waiting: unknown[] = [tree];
  for (let count = 0; waiting.length > 0 && count < NODES_MAX; count++) {
    const node = waiting.pop();
    if (typeof node !== 'object' || node === null) continue;
    // Its parts are noted before it is handed out: what a caller puts into it is not visited.
    for (const value of node instanceof Map ? [...node].flat() : Object.values(node)) waiting.push(value);
    yield node;
  }
}

function isNamed(node: unknown): boolean {
  return isObject(node) && NAMED.includes(String(node.type));
}

/** `… if … is defined else []` */
function orNothing(node: unknown): object {
  const test = { type: 'Identifier', value: 'defined' };
  return {
    type: 'Ternary',
    condition: { type: 'TestExpression', operand: node, negate: false, test },
    trueExpr: node,
    falseExpr: { type: 'ArrayLiteral', value: [] },
  };
}

function isJoin(node: object): boolean {
  if (!('type' in node) || node.type !== 'BinaryExpression' || !('operator' in node)) return false;
  const { operator } = node;
  return isObject(operator) && JOINS.includes(String(operator.value));
}

function sides(node: object): readonly unknown[] {
  return ['left' in node ? node.left : null, 'right' in node ? node.right : null];
}

function endsInSafe(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false;
  if ('type' in node && node.type === 'FilterExpression' && 'filter' in node) {
    const { filter } = node;
    return isObject(filter) && filter.value === 'safe';
  }
  return isJoin(node) && sides(node).some(endsInSafe);
}

function holdsText(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false;
  if ('type' in node && node.type === 'StringLiteral') return 'value' in node && /[<>&"']/.test(String(node.value));
  return isJoin(node) && sides(node).some(holdsText);
}
