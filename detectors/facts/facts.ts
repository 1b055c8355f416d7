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

/** Lets rules read facts as fields: `stepparent.package.operation`. */
export function withFacts(read: FieldReader): EventWithFacts {
  const known: Partial<Pick<StepparentEvent['stepparent'], FactName>> = {};
  const seen = new Set<FactName>();
  const factOf = (name: FactName) => {
    if (!seen.has(name)) {
      seen.add(name);
      const value = facts[name](read);
      if (value !== undefined) known[name] = value;
    }
    return known[name];
  };
  return {
    read(field) {
      if (!field.startsWith('stepparent.')) return read(field);
      const [, name = '', ...rest] = field.split('.');
      if (!Object.hasOwn(facts, name)) return read(field);
      const fact = factOf(name as FactName);
      return fact === undefined ? undefined : readPath(fact, rest.join('.'));
    },
    facts() {
      for (const name of Object.keys(facts) as FactName[]) factOf(name);
      return known;
    },
  };
}
