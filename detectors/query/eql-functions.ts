// EQL's functions: parameters, result and implementation of each. Source: Elastic's EQL function reference.

import { BlockList, isIP } from 'node:net';
import { foldCase } from './case-folding.ts';
import { parseNumber, type Scalar } from './field-values.ts';
import { foundText } from './query-position.ts';
import { compileWildcard, parseWildcard } from './wildcard.ts';

/** A parameter of an EQL function; `any` accepts every type. */
export interface EqlParameter {
  name: string;
  type: 'string' | 'number' | 'boolean' | 'any';
  /** The argument must be a literal (`null` included), and is known when the function is bound. */
  literal?: true;
}

/** A literal argument; `null` for a literal null. */
export type LiteralArgument = Scalar | null;

/** The signature of an EQL function, and how it is called. */
export interface EqlFunction {
  name: string;
  parameters: readonly EqlParameter[];
  /** Number of parameters that are required. */
  required: number;
  /** The last parameter may be repeated. */
  repeats?: true;
  returns: 'string' | 'number' | 'boolean';
  /**
   * The function has a variant `name~` that ignores case. Before the call the arguments with these indices are folded.
   */
  foldable?: readonly number[];
  /**
   * Prepares a call. `literals` are the arguments of literal parameters, in order. The returned function gets the other
   * arguments, which are never null and of the right type. It returns undefined for EQL's null. `fail` rejects the
   * literal with that `index` and throws.
   */
  bind: (
    literals: readonly LiteralArgument[],
    ignoreCase: boolean,
    fail: (index: number, reason: string) => never,
  ) => (values: readonly Scalar[]) => Scalar | undefined;
}

const text = (name: string): EqlParameter => ({ name, type: 'string' });

/** A function of strings that has no literal parameters. */
const ofStrings =
  (apply: (source: string, other: string) => Scalar | undefined): EqlFunction['bind'] =>
  () =>
  ([source, other]) =>
    apply(String(source), String(other));

/** The functions that queries may call; any other name is an error. */
export const eqlFunctions: readonly EqlFunction[] = [
  {
    name: 'between',
    parameters: [text('source'), text('left'), text('right'), { name: 'greedy_matching', type: 'boolean' }],
    required: 3,
    returns: 'string',
    foldable: [1, 2],
    bind:
      (_, ignoreCase) =>
      ([source, left, right, greedy]) =>
        between(String(source), String(left), String(right), greedy === true, ignoreCase),
  },
  {
    name: 'cidrMatch',
    parameters: [text('ip_address'), { name: 'cidr_block', type: 'string', literal: true }],
    required: 2,
    repeats: true,
    returns: 'boolean',
    bind: (blocks, _, fail) => {
      const list = new BlockList();
      let unknown = false;
      for (const [index, block] of blocks.entries()) {
        if (block === null) unknown = true;
        else addBlock(list, String(block), (reason) => fail(index, reason));
      }
      return ([address]) => {
        if (unknown || typeof address !== 'string' || address.length > 64) return undefined;
        const version = addressVersion(address);
        return version === undefined ? undefined : list.check(address, version);
      };
    },
  },
  {
    name: 'concat',
    parameters: [{ name: 'value', type: 'any' }],
    required: 1,
    repeats: true,
    returns: 'string',
    bind: () => (values) => values.map(String).join(''),
  },
  {
    name: 'endsWith',
    parameters: [text('source'), text('substring')],
    required: 2,
    returns: 'boolean',
    foldable: [0, 1],
    bind: ofStrings((source, substring) => source.endsWith(substring)),
  },
  {
    name: 'indexOf',
    parameters: [text('source'), text('substring'), { name: 'start_pos', type: 'number' }],
    required: 2,
    returns: 'number',
    foldable: [0, 1],
    bind:
      () =>
      ([source, substring, start = 0]) => {
        if (Number(start) > String(source).length) return undefined;
        const position = String(source).indexOf(String(substring), Number(start));
        return position === -1 ? undefined : position;
      },
  },
  {
    name: 'length',
    parameters: [text('string')],
    required: 1,
    returns: 'number',
    bind: ofStrings((source) => source.length),
  },
  {
    name: 'number',
    parameters: [text('string'), { name: 'base_num', type: 'number', literal: true }],
    required: 1,
    returns: 'number',
    bind: ([base], _, fail) => {
      if (typeof base === 'number' && !(Number.isInteger(base) && base >= 2 && base <= 36)) {
        fail(0, 'the base must be a whole number from 2 to 36');
      }
      return ([source]) => toNumber(String(source).trim(), typeof base === 'number' ? base : undefined);
    },
  },
  {
    name: 'startsWith',
    parameters: [text('source'), text('substring')],
    required: 2,
    returns: 'boolean',
    foldable: [0, 1],
    bind: ofStrings((source, substring) => source.startsWith(substring)),
  },
  {
    name: 'string',
    parameters: [{ name: 'value', type: 'any' }],
    required: 1,
    returns: 'string',
    bind: () => (values) => String(values[0]),
  },
  {
    name: 'stringContains',
    parameters: [text('source'), text('substring')],
    required: 2,
    returns: 'boolean',
    foldable: [0, 1],
    // According to the reference no string contains the empty string, not even the empty string itself.
    bind: ofStrings((source, substring) => substring !== '' && source.includes(substring)),
  },
  {
    name: 'substring',
    parameters: [text('source'), { name: 'start_pos', type: 'number' }, { name: 'end_pos', type: 'number' }],
    required: 2,
    returns: 'string',
    bind:
      () =>
      ([source, start, end]) =>
        String(source).slice(Number(start), end === undefined ? undefined : Number(end)),
  },
  {
    name: 'wildcard',
    parameters: [text('source'), { name: 'wildcard_exp', type: 'string', literal: true }],
    required: 2,
    repeats: true,
    returns: 'boolean',
    foldable: [0],
    bind: (patterns, ignoreCase) => {
      if (patterns.includes(null)) return () => undefined;
      const tests = patterns.map((pattern) =>
        compileWildcard(parseWildcard(ignoreCase ? foldCase(String(pattern)) : String(pattern))),
      );
      return ([source]) => tests.some((test) => test(String(source)));
    },
  },
];

/** As in Elasticsearch, an empty boundary gives the whole source, and a missing boundary the empty string. */
function between(source: string, left: string, right: string, greedy: boolean, ignoreCase: boolean): string {
  if (left === '' || right === '') return source;
  const searched = ignoreCase ? foldCase(source) : source;
  const found = searched.indexOf(left);
  if (found === -1) return '';
  const start = found + left.length;
  const end = greedy ? searched.lastIndexOf(right) : searched.indexOf(right, start);
  return end < start ? '' : source.slice(start, end);
}

function toNumber(source: string, base: number | undefined): number | undefined {
  const match = /^([+-]?)(0x)?(.*)$/s.exec(source);
  const [, sign, prefix, digits = ''] = match ?? [];
  const radix = base ?? (prefix === undefined ? 10 : 16);
  if (radix === 10) return parseNumber(source);
  const body = radix === 16 || prefix === undefined ? digits : `${prefix}${digits}`;
  let value = 0;
  if (body === '') return undefined;
  for (const character of body) {
    const digit = Number.parseInt(character, radix);
    if (Number.isNaN(digit)) return undefined;
    value = value * radix + digit;
  }
  if (!Number.isFinite(value)) return undefined;
  return sign === '-' ? -value : value;
}

/**
 * Adds a block, or an address as a block of its own, as Elasticsearch does. An IPv4 address that is mapped to IPv6
 * counts as the IPv4 address. A block of mapped addresses is rejected, because its length could refer to either
 * version.
 */
function addBlock(list: BlockList, block: string, fail: (reason: string) => never): void {
  const [address = '', length, ...rest] = block.split('/');
  const version = addressVersion(address);
  if (version === undefined || rest.length > 0) {
    fail(
      `an address such as "::1" or a CIDR block such as "10.0.0.0/8" or "fe80::/10" is needed, found ${quoted(block)}`,
    );
  }
  const bits = version === 'ipv6' ? 128 : 32;
  if (length === undefined) {
    list.addAddress(address, version);
    return;
  }
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (!(prefix <= bits)) {
    fail(
      `the length of a CIDR block is a whole number from 0 to ${bits} for ${names[version]}, found ${quoted(block)}`,
    );
  }
  if (version === 'ipv6' && mapped.check(address, version)) {
    fail(`a CIDR block of IPv4 addresses is written without "::ffff:", found ${quoted(block)}`);
  }
  list.addSubnet(address, prefix, version);
}

const names = { ipv4: 'IPv4', ipv6: 'IPv6' } as const;
/** The IPv4 addresses that are mapped to IPv6 (RFC 4291). */
const mapped = new BlockList();
mapped.addSubnet('::ffff:0:0', 96, 'ipv6');

/** Undefined: the text is not an address. As in Elasticsearch, a text with a zone (`fe80::1%eth0`) is not one. */
function addressVersion(text: string): 'ipv4' | 'ipv6' | undefined {
  const version = text.includes('%') ? 0 : isIP(text);
  return version === 0 ? undefined : version === 6 ? 'ipv6' : 'ipv4';
}

const quoted = (text: string): string => (text === '' ? 'an empty string' : foundText(text, 0, text.length));
