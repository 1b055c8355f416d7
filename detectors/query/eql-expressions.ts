// What a piece of an EQL query becomes: an evaluated value, or a condition in three-valued logic.

import type { FieldReader, FieldValue } from '../../collectors/event.ts';
import { orderOf, type Scalar, textOf } from './field-values.ts';
import type { Predicate } from './query.ts';

/** The static type; a field's is `any`, as only an event shows it. */
type EqlType = 'string' | 'number' | 'boolean' | 'null' | 'any';

/** undefined is EQL's null. */
export type Evaluate = (read: FieldReader) => FieldValue;

/** True, false, or neither (null, undefined). Asking only whether it is true, or false, lets `and` and `or` stop at the first answer. */
export interface Condition {
  isTrue: Predicate;
  isFalse: Predicate;
  value: (read: FieldReader) => boolean | undefined;
}

export interface Expression {
  type: EqlType;
  /** Offsets in the source. */
  start: number;
  end: number;
  /** Levels of operators and functions beneath this one: bounds the stack that evaluation takes. */
  depth: number;
  /** The value, when the query writes it out. */
  literal?: Scalar;
  /** A number that is a float whatever its value: `/` by it does not truncate. */
  float: boolean;
  evaluate: Evaluate;
  /** Set for type `boolean`. */
  condition?: Condition;
}

/** Of two fields with several values each, this many of the right one's are compared: two hostile lists must not multiply. */
const maxPairedValues = 256;

const unknown: Condition = { isTrue: () => false, isFalse: () => false, value: () => undefined };

/** The expression as a condition; only for types `boolean`, `any` (true when a value is `true`) and `null`. */
export function asCondition(expression: Expression): Condition {
  if (expression.type === 'null') return unknown;
  return expression.condition ?? testing(expression, (one) => one === true);
}

function fromValue(value: Condition['value']): Condition {
  return { isTrue: (read) => value(read) === true, isFalse: (read) => value(read) === false, value };
}

export function not({ isTrue, isFalse, value }: Condition): Condition {
  const negated: Condition['value'] = (read) => {
    const one = value(read);
    return one === undefined ? undefined : !one;
  };
  return { isTrue: isFalse, isFalse: isTrue, value: negated };
}

export function and(conditions: readonly Condition[]): Condition {
  return {
    isTrue: every(conditions.map((one) => one.isTrue)),
    isFalse: some(conditions.map((one) => one.isFalse)),
    value: (read) => joined(conditions, (one) => one.value(read), false),
  };
}

export function or(conditions: readonly Condition[]): Condition {
  return {
    isTrue: some(conditions.map((one) => one.isTrue)),
    isFalse: every(conditions.map((one) => one.isFalse)),
    value: (read) => joined(conditions, (one) => one.value(read), true),
  };
}

/** Three-valued `or` (deciding value true) and `and` (false): the deciding value if any gives it, else null if any is null, else the other. */
export function joined<T>(
  items: readonly T[],
  value: (item: T) => boolean | undefined,
  deciding: boolean,
): boolean | undefined {
  let outcome: boolean | undefined = !deciding;
  for (const item of items) {
    const one = value(item);
    if (one === deciding) return deciding;
    if (one === undefined) outcome = undefined;
  }
  return outcome;
}

function every(predicates: readonly Predicate[]): Predicate {
  const [first] = predicates;
  if (predicates.length === 1 && first !== undefined) return first;
  return (read) => {
    for (const predicate of predicates) if (!predicate(read)) return false;
    return true;
  };
}

function some(predicates: readonly Predicate[]): Predicate {
  const [first] = predicates;
  if (predicates.length === 1 && first !== undefined) return first;
  return (read) => {
    for (const predicate of predicates) if (predicate(read)) return true;
    return false;
  };
}

/** A condition on each value: true when the test is for any, null for no value, else null when the test is for any, else false. */
export function testing({ evaluate }: Expression, test: (one: Scalar) => boolean | undefined): Condition {
  return fromValue((read) => {
    const value = evaluate(read);
    if (value === undefined) return undefined;
    return typeof value === 'object' ? joined(value, test, true) : test(value);
  });
}

/** `== null`: never null itself. */
function isNull(expression: Expression): Condition {
  const { evaluate } = expression;
  return fromValue((read) => evaluate(read) === undefined);
}

/**
 * Equality, case-sensitive. A number or boolean equals a string that writes it as EQL does (`user.id == 0` for "0"), as in a keyword index.
 * Against a `null` written out this is a test for absence.
 */
export function equality(left: Expression, right: Expression): Condition {
  if (right.type === 'null') return isNull(left);
  if (left.type === 'null') return isNull(right);
  if (right.literal === undefined && left.literal !== undefined) return equality(right, left);
  const { literal } = right;
  if (literal === undefined)
    return pairing(left, right, (a, b) => a === b || (typeof a !== typeof b && textOf(a) === textOf(b)));
  const text = textOf(literal);
  return testing(left, (one) => one === literal || (typeof one !== typeof literal && textOf(one) === text));
}

/** `<`, `<=`, `>`, `>=`, by `orderOf`; null where two values cannot be ordered. */
export function ordering(left: Expression, right: Expression, test: (order: number) => boolean): Condition {
  const compare = (a: Scalar, b: Scalar): boolean | undefined => {
    const order = orderOf(a, b);
    return order === undefined ? undefined : test(order);
  };
  if (left.type === 'null' || right.type === 'null') return unknown;
  const { literal } = right;
  return literal === undefined ? pairing(left, right, compare) : testing(left, (one) => compare(one, literal));
}

/** Any value of the left against any of the right. */
function pairing(left: Expression, right: Expression, test: (a: Scalar, b: Scalar) => boolean | undefined): Condition {
  return fromValue((read) => {
    const rightValue = right.evaluate(read);
    if (rightValue === undefined) return undefined;
    const others = typeof rightValue === 'object' ? rightValue.slice(0, maxPairedValues) : [rightValue];
    return testing(left, (one) => joined(others, (other) => test(one, other), true)).value(read);
  });
}

/** The operators on numbers. `exact`: both are integers. */
const operations: Readonly<Record<ArithmeticOperator, (a: number, b: number, exact: boolean) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b, exact) => (exact ? Math.trunc(a / b) : a / b),
  '%': (a, b) => a % b,
};

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';

/**
 * Arithmetic: null when either side is no number or the result not finite (division by zero). The division of two integers truncates
 * toward zero, as Elasticsearch's does; a float written in the query (`4.0`) makes its side a float.
 */
export function arithmetic(operator: ArithmeticOperator, left: Expression, right: Expression): Evaluate {
  const operation = operations[operator];
  const mayBeExact = !left.float && !right.float;
  return overArguments([left.evaluate, right.evaluate], ([a, b]) => {
    if (typeof a !== 'number' || typeof b !== 'number') return undefined;
    const result = operation(a, b, mayBeExact && Number.isInteger(a) && Number.isInteger(b));
    return Number.isFinite(result) ? result : undefined;
  });
}

/**
 * Applies a function to its arguments; null when any is null. The first argument with several values is taken value by value and gives
 * several results; of any further one only the first value counts, so that lists do not multiply.
 */
export function overArguments(
  parameters: readonly Evaluate[],
  apply: (values: readonly Scalar[]) => Scalar | undefined,
): Evaluate {
  return (read) => {
    const values: Scalar[] = [];
    let several: readonly Scalar[] | undefined;
    let place = 0;
    for (const evaluate of parameters) {
      const value = evaluate(read);
      if (value === undefined) return undefined;
      if (typeof value !== 'object') {
        values.push(value);
        continue;
      }
      const [first] = value;
      if (first === undefined) return undefined;
      if (several === undefined) {
        several = value;
        place = values.length;
      }
      values.push(first);
    }
    if (several === undefined) return apply(values);
    const results: Scalar[] = [];
    for (const one of several) {
      values[place] = one;
      const result = apply(values);
      if (result !== undefined) results.push(result);
    }
    return results.length > 0 ? results : undefined;
  };
}
