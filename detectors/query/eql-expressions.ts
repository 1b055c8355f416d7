// The compiled form of a part of an EQL query: a value that may be null, or a condition that is true or false.

import type { FieldReader, FieldValue } from '../../collectors/event/event.ts';
import { not } from './conditions.ts';
import { orderOf, type Scalar, textOf } from './field-values.ts';
import type { Predicate } from './query.ts';

/** The static type. A field has the type `any`, because only the event determines it. */
type EqlType = 'string' | 'number' | 'boolean' | 'null' | 'any';

/** undefined is EQL's null. */
export type Evaluate = (read: FieldReader) => FieldValue;

/**
 * A comparison as a value: null when there is nothing to compare. As a condition it is then false, and its negation
 * true.
 */
type Comparison = (read: FieldReader) => boolean | undefined;

/** A part of an EQL query, compiled. */
export interface Expression {
  type: EqlType;
  /** Offsets in the source. */
  start: number;
  end: number;
  /** Levels of operators and functions below this one, which bound the stack depth of an evaluation. */
  depth: number;
  /** The value of a literal. */
  literal?: Scalar;
  /** Whether a number is a float whatever its value: division by it does not truncate. */
  float: boolean;
  /** Required fields: if one of them is absent, the value is null. */
  needs: readonly string[];
  evaluate: Evaluate;
  /** Set for type `boolean`: whether the value is true. */
  condition?: Predicate;
}

/**
 * Maximum number of values of the right side of a comparison that are compared, so that two hostile lists do not
 * multiply.
 */
const maxPairedValues = 256;

/** The expression as a condition; only for types `boolean` and `any` (true when a value is `true`). */
export function asCondition(expression: Expression): Predicate {
  return (
    expression.condition ??
    whenTrue(
      testing(expression, (one) => one === true),
      expression.needs,
    )
  );
}

/** The condition that the value is true. `needs`: if one of these fields is absent, the value is null. */
export function whenTrue(evaluate: Evaluate, needs: readonly string[]): Predicate {
  const condition: Predicate = (read) => evaluate(read) === true;
  condition.needs = needs;
  return condition;
}

/** Whether the test is true for any of the values. */
export function testing({ evaluate }: Expression, test: (one: Scalar) => boolean): Comparison {
  return (read) => {
    const value = evaluate(read);
    if (value === undefined) return undefined;
    if (typeof value !== 'object') return test(value);
    for (const one of value) if (test(one)) return true;
    return false;
  };
}

/**
 * Equality, case-sensitive. A number or boolean equals a string that writes it as EQL does (`user.id == 0` for "0"), as
 * in a keyword index. Equality with a literal `null` is a test for absence. Equality of a condition with a literal
 * `true` or `false` is the condition or its negation.
 */
export function equality(left: Expression, right: Expression): Comparison {
  const { evaluate, condition } = left;
  const { literal } = right;
  if (right.type === 'null') return (read) => evaluate(read) === undefined;
  if (left.type === 'null' || (literal === undefined && left.literal !== undefined)) return equality(right, left);
  if (literal === undefined) return containment(left, [right]);
  if (condition !== undefined && typeof literal === 'boolean') return literal ? condition : not(condition);
  const text = textOf(literal);
  return testing(left, (one) => one === literal || (typeof one !== typeof literal && textOf(one) === text));
}

/** Whether any value of the left side equals any value of the items. */
export function containment(left: Expression, items: readonly Expression[]): Comparison {
  return pairing(left, items, (a, b) => a === b || (typeof a !== typeof b && textOf(a) === textOf(b)));
}

/** `<`, `<=`, `>`, `>=`, by `orderOf`; false if two values cannot be ordered. */
export function ordering(left: Expression, right: Expression, test: (order: number) => boolean): Comparison {
  const compare = (a: Scalar, b: Scalar): boolean => {
    const order = orderOf(a, b);
    return order !== undefined && test(order);
  };
  const { literal } = right;
  return literal === undefined ? pairing(left, [right], compare) : testing(left, (one) => compare(one, literal));
}

/** A test of any value of the left side with any value of the items. The left side is evaluated once. */
function pairing(left: Expression, items: readonly Expression[], test: (a: Scalar, b: Scalar) => boolean): Comparison {
  return (read) => {
    const others = items.flatMap(({ evaluate }) => {
      const value = evaluate(read);
      return typeof value === 'object' ? value.slice(0, maxPairedValues) : (value ?? []);
    });
    if (others.length === 0) return undefined;
    return testing(left, (one) => others.some((other) => test(one, other)))(read);
  };
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
 * Arithmetic. Null if either side is not a number or the result is not finite (division by zero). The division of two
 * integers truncates toward zero, as Elasticsearch's does; a float literal (`4.0`) makes its side a float.
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
 * Applies a function to its arguments; null when any is null. If the first argument has several values, each gives a
 * result. Of any other argument only the first value counts, so that lists do not multiply.
 */
export function overArguments(
  parameters: readonly Evaluate[],
  apply: (values: readonly Scalar[]) => Scalar | undefined,
): Evaluate {
  return (read) => {
    const values: Scalar[] = [];
    let several: readonly Scalar[] | undefined;
    let severalIndex = 0;
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
        severalIndex = values.length;
      }
      values.push(first);
    }
    if (several === undefined) return apply(values);
    const results: Scalar[] = [];
    for (const one of several) {
      values[severalIndex] = one;
      const result = apply(values);
      if (result !== undefined) results.push(result);
    }
    return results.length > 0 ? results : undefined;
  };
}
