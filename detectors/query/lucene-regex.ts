// Lucene's regular expressions, as EQL's `regex` uses them, run on a state machine whose time is bounded for every
// value.

/**
 * Maximum length of a string that is matched, in UTF-16 units. It is Linux's limit for one argument (MAX_ARG_STRLEN,
 * execve(2)), so only joined command lines can be longer.
 */
export const maxRegexInput = 131_072;

/**
 * Maximum number of states of a pattern; counted repeats (`a{1,500}`) are expanded. A match takes at most states times
 * characters steps.
 */
const maxRegexStates = 1000;
/** Maximum number of expanded parts: repeats of an empty group have no states. */
const maxRegexParts = 16 * maxRegexStates;

/** A test of one character, or the next states without reading a character. */
type State = { test: (codePoint: number) => boolean; next: number } | { next: readonly number[] };

type Node =
  | { kind: 'character'; test: (codePoint: number) => boolean }
  | { kind: 'sequence' | 'choice'; nodes: readonly Node[] }
  | { kind: 'repeat'; node: Node; min: number; max: number };

/**
 * A test whether the pattern matches the whole string; a string longer than `maxRegexInput` is not matched. Supported
 * are `. ? + * | {n,m} [...] (...) "..."`, `\` before any other character and `\d \D \s \S \w \W`, as in Lucene's
 * RegExp class. `# @ & < > ~ ^ $`, which are operators or have no meaning there, are rejected. `fail` gets the reason
 * and must throw.
 */
export function compileRegex(
  pattern: string,
  ignoreCase: boolean,
  maxDepth: number,
  fail: (reason: string) => never,
): (value: string) => boolean {
  const states = program(parse(pattern, ignoreCase, maxDepth, fail), fail);
  // Reused in every call, because a test is neither recursive nor asynchronous.
  let current = new StateSet(states.length + 1);
  let following = new StateSet(states.length + 1);
  return (value) => {
    if (value.length > maxRegexInput) return false;
    current.clear();
    enter(states, current, 0);
    for (let index = 0; index < value.length && current.size > 0; ) {
      const codePoint = value.codePointAt(index) ?? 0;
      index += codePoint > 0xffff ? 2 : 1;
      following.clear();
      for (let i = 0; i < current.size; i++) {
        const state = states[current.member(i)];
        if (state !== undefined && 'test' in state && state.test(codePoint)) enter(states, following, state.next);
      }
      [current, following] = [following, current];
    }
    return current.has(states.length);
  };
}

/** A set of state numbers that is emptied in one step. */
class StateSet {
  size = 0;
  readonly #members: Uint16Array;
  readonly #indexes: Uint16Array;

  constructor(capacity: number) {
    this.#members = new Uint16Array(capacity);
    this.#indexes = new Uint16Array(capacity);
  }

  member(index: number): number {
    return this.#members[index] ?? 0;
  }

  has(state: number): boolean {
    const index = this.#indexes[state] ?? 0;
    return index < this.size && this.#members[index] === state;
  }

  add(state: number): void {
    this.#indexes[state] = this.size;
    this.#members[this.size++] = state;
  }

  clear(): void {
    this.size = 0;
  }
}

/**
 * Adds the state and all states that it reaches without reading a character. The number after the last state means a
 * match.
 */
function enter(states: readonly State[], set: StateSet, start: number): void {
  const waiting = [start];
  for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
    if (set.has(number)) continue;
    set.add(number);
    const state = states[number];
    if (state !== undefined && !('test' in state)) waiting.push(...state.next);
  }
}

function program(root: Node, fail: (reason: string) => never): State[] {
  const states: State[] = [];
  const add = (state: State): number => {
    if (states.length === maxRegexStates) fail(`the expression needs more than ${maxRegexStates} states`);
    return states.push(state) - 1;
  };
  let parts = 0;
  const emit = (node: Node): void => {
    if (++parts > maxRegexParts) fail(`the expression has more than ${maxRegexParts} parts`);
    switch (node.kind) {
      case 'character':
        add({ test: node.test, next: states.length + 1 });
        return;
      case 'sequence':
        for (const child of node.nodes) emit(child);
        return;
      case 'choice': {
        const starts: number[] = [];
        const ends: number[][] = [];
        add({ next: starts });
        for (const child of node.nodes) {
          starts.push(states.length);
          emit(child);
          const end: number[] = [];
          add({ next: end });
          ends.push(end);
        }
        for (const end of ends) end.push(states.length);
        return;
      }
      case 'repeat': {
        for (let i = 0; i < node.min; i++) emit(node.node);
        const exits: number[][] = [];
        const optional = node.max === Infinity ? 1 : node.max - node.min;
        for (let i = 0; i < optional; i++) {
          const split = [states.length + 1];
          const splitState = add({ next: split });
          exits.push(split);
          emit(node.node);
          if (node.max === Infinity) add({ next: [splitState] });
        }
        for (const exit of exits) exit.push(states.length);
        return;
      }
    }
  };
  emit(root);
  return states;
}

const classes: Readonly<Record<string, (codePoint: number) => boolean>> = {
  d: (c) => c >= 0x30 && c <= 0x39,
  s: (c) => c === 0x20 || (c >= 0x09 && c <= 0x0d),
  w: (c) => (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || c === 0x5f,
};

function parse(pattern: string, ignoreCase: boolean, maxDepth: number, fail: (reason: string) => never): Node {
  const characters = Array.from(pattern);
  let position = 0;
  let depth = 0;
  const refuse = (reason: string): never => fail(`${reason}, at character ${position + 1} of the expression`);

  const choice = (): Node => {
    if (++depth > maxDepth) refuse(`groups are nested more than ${maxDepth} levels deep`);
    const nodes = [sequence()];
    while (characters[position] === '|') {
      position++;
      nodes.push(sequence());
    }
    depth--;
    return nodes.length === 1 && nodes[0] !== undefined ? nodes[0] : { kind: 'choice', nodes };
  };

  const sequence = (): Node => {
    const nodes: Node[] = [];
    while (position < characters.length && characters[position] !== '|' && characters[position] !== ')')
      nodes.push(repeated());
    return { kind: 'sequence', nodes };
  };

  const repeated = (): Node => {
    let node = parseAtom();
    for (let levels = 0; ; levels++) {
      const count = repeatCount();
      if (count === undefined) return node;
      if (levels === maxDepth) refuse(`more than ${maxDepth} repeats follow each other`);
      node = { kind: 'repeat', node, ...count };
    }
  };

  const repeatCount = (): { min: number; max: number } | undefined => {
    const sign = characters[position];
    if (sign !== '?' && sign !== '*' && sign !== '+' && sign !== '{') return undefined;
    if (sign !== '{') {
      position++;
      return { min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Infinity };
    }
    const match = /^\{(\d{1,6})(?:(,)(\d{1,6})?)?\}/.exec(characters.slice(position, position + 16).join(''));
    if (match === null)
      return refuse('`{` must begin a repeat such as {2}, {2,} or {2,5} (write \\{ for the character)');
    const min = Number(match[1]);
    const max = match[3] !== undefined ? Number(match[3]) : match[2] !== undefined ? Infinity : min;
    if (max < min) refuse('the repeat counts down');
    position += match[0].length;
    return { min, max };
  };

  const parseAtom = (): Node => {
    const character = characters[position] ?? '';
    switch (character) {
      case '.':
        position++;
        return { kind: 'character', test: () => true };
      case '(': {
        position++;
        const node = choice();
        if (characters[position] !== ')') refuse('a `(` is not closed');
        position++;
        return node;
      }
      case '[':
        position++;
        return characterClass();
      case '"': {
        const end = characters.indexOf('"', position + 1);
        if (end === -1) refuse('a `"` is not closed (write \\" for the character)');
        const nodes = characters.slice(position + 1, end).map(literal);
        position = end + 1;
        return { kind: 'sequence', nodes };
      }
      case '\\': {
        const test = parseEscape();
        return { kind: 'character', test: typeof test === 'string' ? oneOf([[test, test]]) : test };
      }
      case '^':
      case '$':
        return refuse(
          `\`${character}\` is not an anchor: the whole string is always matched (write \\${character} for the character)`,
        );
      case '#':
      case '@':
      case '&':
      case '<':
      case '>':
      case '~':
        return refuse(`the operator \`${character}\` is not supported (write \\${character} for the character)`);
      case '?':
      case '*':
      case '+':
      case '{':
      case '}':
      case ']':
        return refuse(`\`${character}\` has nothing to stand for here (write \\${character} for the character)`);
      default:
        position++;
        return literal(character);
    }
  };

  const literal = (character: string): Node => ({ kind: 'character', test: oneOf([[character, character]]) });

  /** Reads an escape from its backslash on: the character, or the test of a class such as `\d`. */
  const parseEscape = (): string | ((codePoint: number) => boolean) => {
    const character = characters[position + 1];
    if (character === undefined) return refuse('nothing follows the last `\\`');
    const known = classes[character.toLowerCase()];
    if (known === undefined && /^[A-Za-z0-9]$/.test(character)) {
      refuse(`\`\\${character}\` has no special meaning in a Lucene expression (allowed are \\d \\D \\s \\S \\w \\W)`);
    }
    position += 2;
    if (known === undefined) return character;
    return character === character.toLowerCase() ? known : (codePoint) => !known(codePoint);
  };

  const characterClass = (): Node => {
    const negated = characters[position] === '^';
    if (negated) position++;
    const ranges: [string, string][] = [];
    const tests: ((codePoint: number) => boolean)[] = [];
    // A `]` right after the `[` closes the class in Lucene too, and an empty class is rejected.
    while (position < characters.length && characters[position] !== ']') {
      const first = characters[position] === '\\' ? parseEscape() : (characters[position++] ?? '');
      if (typeof first !== 'string') {
        tests.push(first);
      } else if (characters[position] === '-' && characters[position + 1] !== ']' && position + 1 < characters.length) {
        position++;
        const last = characters[position] === '\\' ? parseEscape() : (characters[position++] ?? '');
        if (typeof last !== 'string') return refuse('a range cannot end in a class');
        if ((last.codePointAt(0) ?? 0) < (first.codePointAt(0) ?? 0)) refuse('the range runs backwards');
        ranges.push([first, last]);
      } else {
        ranges.push([first, first]);
      }
    }
    if (position >= characters.length) refuse('a `[` is not closed');
    if (ranges.length + tests.length === 0) refuse('the class is empty');
    position++;
    const inRanges = oneOf(ranges);
    const inAny = (codePoint: number): boolean => inRanges(codePoint) || tests.some((test) => test(codePoint));
    return { kind: 'character', test: negated ? (codePoint) => !inAny(codePoint) : inAny };
  };

  const oneOf = (ranges: readonly [string, string][]): ((codePoint: number) => boolean) => {
    const bounds = ranges.map(([first, last]): [number, number] => [
      first.codePointAt(0) ?? 0,
      last.codePointAt(0) ?? 0,
    ]);
    const isInBounds = (codePoint: number): boolean => {
      for (const [first, last] of bounds) if (codePoint >= first && codePoint <= last) return true;
      return false;
    };
    if (!ignoreCase) return isInBounds;
    return (codePoint) => {
      if (isInBounds(codePoint)) return true;
      const character = String.fromCodePoint(codePoint);
      const lower = character.toLowerCase().codePointAt(0) ?? 0;
      const upper = character.toUpperCase().codePointAt(0) ?? 0;
      return isInBounds(lower) || isInBounds(upper);
    };
  };

  const root = choice();
  if (position < characters.length) refuse('a `)` has no `(`');
  return root;
}
