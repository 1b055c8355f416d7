// Facts: fields that are derived from observed fields, once per event, when a rule first reads them.

import type { FieldReader, FieldValue, StepparentEvent } from '../../collectors/event/event.ts';
import { readPath } from '../../collectors/event/read-path.ts';
import { boundedCommands } from '../../collectors/hooks/configuration-commands.ts';
import { configurationTools } from '../../collectors/hooks/configuration-tools.ts';
import { afterLinker } from '../../collectors/process/dynamic-linker.ts';
import { givenCommands } from './given-commands.ts';
import { type FoundInitiator, findInitiator } from './initiator.ts';
import { otherDatabase } from './other-database.ts';
import { findOverride, isOverrideTool } from './override.ts';
import { isPackageProgram, parsePackageOperation } from './package-operation.ts';
import { findUnlisted } from './unlisted.ts';
import { findVerificationOff } from './verification-off.ts';

/** The parts of an event's `stepparent` object that facts fill. */
type FactName = 'package' | 'initiator' | 'unlisted' | 'verification' | 'hook' | 'override';

/** The input of a fact, and where the fact notes what was not observed. */
interface Source {
  read: FieldReader;
  /** The full event; the first call may read /proc. */
  document(): StepparentEvent;
  note(notes: Notes): void;
}

type Notes = Pick<FoundInitiator, 'unobserved' | 'inferred'>;

/** Undefined: the fact does not apply, or its input was not observed. */
type Fact<Name extends FactName> = (source: Source) => StepparentEvent['stepparent'][Name];

const facts: { [Name in FactName]: Fact<Name> } = {
  package({ read }) {
    const name = acceptedName(read, isPackageProgram);
    if (name === undefined) return undefined;
    const args = argsOf(read);
    const operation = args && parsePackageOperation(name, args);
    if (operation === undefined) return undefined;
    const variables = (): string[] => listOf(read('process.env_vars'));
    const other = otherDatabase(operation, args ?? [], variables, () => listOf(read('process.working_directory'))[0]);
    return other === undefined ? operation : { ...operation, other_database: other };
  },
  initiator({ document, note }) {
    const found = findInitiator(document());
    if (found !== undefined) note(found);
    return found?.initiator;
  },
  unlisted: (source) => (isTransaction(source) ? findUnlisted(source.document()) : undefined),
  verification: (source) => (isTransaction(source) ? findVerificationOff(source.document()) : undefined),
  hook({ read, document }) {
    const action = read('event.action');
    // A watched file's was found when the file was read.
    if (action !== 'exec') return isOf(read('event.category'), 'file') ? document().stepparent.hook : undefined;
    const name = acceptedName(read, (one) => configurationTools.has(one));
    if (name === undefined) return undefined;
    const given = givenCommands(name, argsOf(read) ?? [], listOf(read('process.env_vars')));
    const commands = boundedCommands([...given, ...listOf(read('stepparent.named_configuration.commands'))]);
    return commands.length === 0 ? undefined : { commands };
  },
  override({ read }) {
    const name = acceptedName(read, isOverrideTool);
    const args = name === undefined ? undefined : argsOf(read);
    return name === undefined || args === undefined ? undefined : findOverride(name, args);
  },
};

const listOf = (value: FieldValue): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value.map(String) : [String(value)];
const isTransaction = ({ read }: Source): boolean => isOf(read('event.category'), 'package');

const isOf = (value: FieldValue, category: string): boolean => listOf(value).includes(category);

/** The arguments, without those of the dynamic linker if that runs the program. */
function argsOf(read: FieldReader): readonly string[] | undefined {
  const value = read('process.args');
  if (value === undefined) return undefined;
  const args = listOf(value);
  return read('stepparent.program.argument') === undefined ? args : afterLinker(args);
}

const nameFields = ['process.name', 'stepparent.program.name'] as const;

/** The name of the program that ran, if it is accepted: a copy has the name of the original. */
function acceptedName(read: FieldReader, accepts: (name: string) => boolean): string | undefined {
  for (const field of nameFields) {
    const name = read(field);
    if (typeof name === 'string' && accepts(name)) return name;
  }
  return undefined;
}

/** An event whose facts rules read as fields; each fact is computed at most once. */
export interface EventWithFacts {
  read: FieldReader;
  /** Every fact that applies, with the notes of what was not observed, for the event's `stepparent` object. */
  facts(): Partial<Pick<StepparentEvent['stepparent'], FactName | keyof Notes>>;
}

/**
 * `stepparent.package.operation` -> package, operation; null: not a field of a fact. The map stays small: it only has
 * the field names that rules use.
 */
const factFields = new Map<string, { name: FactName; rest: string } | null>();

function factField(field: string): { name: FactName; rest: string } | null {
  const known = factFields.get(field);
  if (known !== undefined) return known;
  const [prefix, name = '', ...rest] = field.split('.');
  const found =
    prefix === 'stepparent' && Object.hasOwn(facts, name) ? { name: name as FactName, rest: rest.join('.') } : null;
  factFields.set(field, found);
  return found;
}

/**
 * Adds facts to a reader, so that rules read them as fields, such as `stepparent.package.operation`. The first fact
 * that needs the document calls `document`.
 */
export function withFacts(read: FieldReader, document: () => StepparentEvent): EventWithFacts {
  // This runs for each exec on the host, so everything else is built only when it is read.
  let notes: Notes[] | undefined;
  const source: Source = {
    read,
    document,
    note(found) {
      notes = [...(notes ?? []), found];
    },
  };
  let known: Partial<Record<FactName, object | null>> | undefined;
  const factOf = (name: FactName): object | null => {
    known ??= {};
    let fact = known[name];
    if (fact === undefined) {
      fact = facts[name](source) ?? null;
      known[name] = fact;
    }
    return fact;
  };
  return {
    read(field) {
      const part = factField(field);
      if (part === null) return read(field);
      const fact = factOf(part.name);
      return fact === null ? undefined : readPath(fact, part.rest);
    },
    facts() {
      const found: Partial<Record<FactName | keyof Notes, object>> = {};
      for (const name of Object.keys(facts) as FactName[]) {
        const fact = factOf(name);
        if (fact !== null) found[name] = fact;
      }
      for (const kind of ['unobserved', 'inferred'] as const) {
        const ownNotes = Object.assign({}, ...(notes ?? []).map((each) => each[kind]));
        if (Object.keys(ownNotes).length > 0) found[kind] = { ...document().stepparent[kind], ...ownNotes };
      }
      return found as ReturnType<EventWithFacts['facts']>;
    },
  };
}
