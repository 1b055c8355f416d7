// Facts: fields that are worked out from what was observed, each once for an event, when a rule first asks for it.

import type { FieldReader, StepparentEvent } from '../../collectors/event.ts';
import { readPath } from '../../collectors/read-path.ts';
import { parsePackageOperation } from './package-operation.ts';

/** The parts of an event's `stepparent` object that facts give. */
type FactName = 'package';

/** Undefined: the fact does not apply, or what it takes was not observed. */
type Fact<Name extends FactName> = (read: FieldReader) => StepparentEvent['stepparent'][Name];

const facts: { [Name in FactName]: Fact<Name> } = {
  package(read) {
    const name = read('process.name');
    if (name !== 'dpkg' && name !== 'rpm') return undefined;
    const args = read('process.args');
    if (args === undefined) return undefined;
    return parsePackageOperation(name, Array.isArray(args) ? args.map(String) : [String(args)]);
  },
};

export interface EventWithFacts {
  read: FieldReader;
  /** Every fact that applies, for the event's `stepparent` object. */
  facts(): Partial<Pick<StepparentEvent['stepparent'], FactName>>;
}

/** `stepparent.package.operation` -> package, operation; null: no fact's field. Field names are few: the rules' own. */
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

/** Lets rules read facts as fields: `stepparent.package.operation`. */
export function withFacts(read: FieldReader): EventWithFacts {
  let known: Partial<Record<FactName, object | null>> | undefined;
  const factOf = (name: FactName): object | null => {
    known ??= {};
    let fact = known[name];
    if (fact === undefined) {
      fact = facts[name](read) ?? null;
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
      const found: Partial<Record<FactName, object>> = {};
      for (const name of Object.keys(facts) as FactName[]) {
        const fact = factOf(name);
        if (fact !== null) found[name] = fact;
      }
      return found as Partial<Pick<StepparentEvent['stepparent'], FactName>>;
    },
  };
}
