// `npm run docs:fields`: writes docs/fields.md from the table of fields.

import '../agent/locked-node.ts';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type JournalFact, journalFacts } from '../agent/journal/journal-fields.ts';
import {
  type Field,
  type Fields,
  fields,
  fieldTable,
  type Group,
  isOnAll,
  type Row,
} from '../collectors/event/fields.ts';
import { inferredBases, unobservedReasons } from '../collectors/event/reasons.ts';
import { variableEffects, variableGroups } from '../collectors/packages/environment-variables.ts';

export const fieldsPageFile: string = path.join(import.meta.dirname, 'fields.md');

const fieldOf: ReadonlyMap<string, Field> = new Map(fields.map((field) => [field.name, field]));

const code = (text: string): string => `\`${text}\``;
const line = (...cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`;

function typeOf({ type, list, unit }: Field): string {
  if (type === 'objects') return 'list of objects';
  return `${type}${list ? ' list' : ''}${unit === undefined ? '' : `, ${unit}`}`;
}

const kindsOf = (field: Field): string => (isOnAll(field) ? 'all' : field.on.join(', '));

function fieldLine(field: Field, above = ''): string {
  // Rows of flattened fields have their own sections.
  const values =
    field.values === undefined || field.type === 'flattened' ? '' : `: ${field.values.map(code).join(', ')}`;
  const journal = field.journal === undefined ? '' : code(field.journal);
  return line(code(field.name), typeOf(field), kindsOf(field), journal, `${field.about}${values}${above}`);
}

/** The groups that were printed, by prefix and first row: groups that share rows begin with the same row. */
type Printed = Map<Row | Group | undefined, { prefix: string; nodes: readonly (Row | Group)[] }>;

/**
 * The lines of a group. Rows that an earlier group has are omitted, except those with a journal field of their own; `above` then
 * refers to that group.
 */
function describe(group: Fields, prefix: string, printed: Printed): { above: string; lines: string[] } {
  const nodes = Object.values(group);
  const model = printed.get(nodes[0]);
  if (model === undefined) printed.set(nodes[0], { prefix, nodes });
  const shared = Object.keys(group).filter((name) => model?.nodes.includes(group[name] as Row | Group));
  const names = shared.length > 3 ? 'Fields' : shared.map(code).join(', ');
  const lines = Object.entries(group).flatMap(([name, node]) => {
    const field = fieldOf.get(prefix + name);
    if (shared.includes(name) && field?.journal === undefined) return [];
    if (!('fields' in node)) return field === undefined ? [] : [fieldLine(field)];
    const { above, lines: inner } = describe(node.fields, `${prefix}${name}.`, printed);
    const ownText =
      field === undefined
        ? line(code(prefix + name), 'object', '', '', `${node.about}${above}`)
        : fieldLine(field, above);
    return [ownText, ...inner];
  });
  return { above: model === undefined ? '' : `. ${names} as in ${code(model.prefix.slice(0, -1))}`, lines };
}

const table = (head: readonly string[], lines: readonly string[]): string =>
  [line(...head), line(...head.map(() => '---')), ...lines].join('\n');

const fieldHead = ['Field', 'Type', 'Events', 'Journal', 'Description'];

const journalLine = ({ name, field, form, fallback }: JournalFact): string =>
  line(
    code(name),
    [code(field), form.about, fallback === undefined ? undefined : `${code(fallback)} if there is no name`]
      .filter((part) => part !== undefined)
      .join('; '),
  );

const keywordTable = (keywords: Readonly<Record<string, string>>): string =>
  table(
    ['Keyword', 'Description'],
    Object.entries(keywords).map(([keyword, about]) => line(code(keyword), about)),
  );

/** A line for each effect of each group of environment variables. */
const variableLines: readonly string[] = variableGroups.flatMap(({ readers, source, variables }) =>
  Object.entries(variables).map(([effect, names]) =>
    line(names.split(' ').map(code).join(' '), effect, readers, source),
  ),
);

/** The text of docs/fields.md. */
export function fieldsPage(): string {
  const printed: Printed = new Map();
  const top = Object.entries(fieldTable as Fields);
  const plain = top.flatMap(([name, node]) => ('fields' in node ? [] : (fieldOf.get(name) ?? [])));
  return `${[
    '# Fields',
    '<!-- Made of collectors/event/fields.ts by `npm run docs:fields`; change that. -->',
    `An event is an ECS document. Rules, SQL columns, exceptions, log lines and the Elasticsearch mapping use these names. What ECS has no
field for is below \`stepparent\`. A field that was not observed is absent, and \`stepparent.unobserved\` names it.`,
    `Types are Elasticsearch's; a date is ISO 8601 in UTC. Events: \`exec\`, the start of a program; \`file\`, a change of a file; \`connection\`, an attempt to open a connection; \`transaction\`, what a
package manager did to packages at once; \`survivors\`, what a package transaction left running; \`health\`, the agent's account of
itself; \`finding\`, a new row of a hunt; \`alert\`, only an alert. An alert has all fields of the event that it is raised for. In SQL a list of objects
is one column with JSON, and so is a flattened field.`,
    table(
      fieldHead,
      plain.map((field) => fieldLine(field)),
    ),
    ...top.flatMap(([name, node]) => {
      if (!('fields' in node)) return [];
      const { above, lines } = describe(node.fields, `${name}.`, printed);
      const field = fieldOf.get(name);
      return [
        `## ${name}`,
        `${node.about}${above}.`,
        table(fieldHead, field === undefined ? lines : [fieldLine(field), ...lines]),
      ];
    }),
    '## Reasons',
    'Values in `stepparent.unobserved`: why a field was not observed.',
    keywordTable(unobservedReasons),
    '## Bases',
    'Values in `stepparent.inferred`: what a field was concluded from.',
    keywordTable(inferredBases),
    '## Environment',
    `\`process.env_vars\` of an exec event has the variables of this table, in the order of the environment. \`*\` at the end stands for all names that begin so, unless
another row has them. The event of a package tool (dpkg, rpm, apt, dnf and the like), of a maintainer script or scriptlet, and of everything that these run, has the
field; other events do not. Other variables are not stored.`,
    `- A value is cut at 512 bytes, a name at 128. If all together have more than 4,096 bytes, every value is cut at 256, 128, 64 or 32 bytes, and then the variables
  of the last effects are dropped. \`stepparent.truncated\` names the field, with the bound.
- Of a name that occurs more than once the event has the first and the last value: getenv(3) returns the first, shells and the dynamic linker use the last.
- In a URL \`***\` replaces the password, or the user name if there is no password. It replaces the whole value if a row has only the beginning of the name and the name
  contains a word such as \`TOKEN\` or \`PASS\`.
- The values are those that the kernel passed to the program. If a probe did not give all of them, the agent reads the rest from /proc while the process lives
  (\`read_later\` in \`stepparent.inferred\`). If the process has ended, \`stepparent.truncated\` has the number of bytes that are known, or \`stepparent.unobserved\`
  names the field. Without a note, a variable that is not in the field was not set.`,
    table(
      ['Effect', 'Description'],
      Object.entries(variableEffects).map(([effect, about]) => line(effect, about)),
    ),
    table(['Variables', 'Effect', 'Read by', 'Source'], variableLines),
    '## Journal',
    `The journal entry of an alert has these fields, and \`stepparent hunt --journal\` reads them back. Lists of words have spaces between; a space in a word is
\`\\x20\`, a backslash \`\\x5c\`. True and false are \`true\` and \`false\`. All other fields of an alert are only in \`alerts.ndjson\`.
[fleet.md](fleet.md#fields-of-the-journal) lists the other fields of the entry.`,
    table(['Journal', 'Field'], journalFacts.map(journalLine)),
  ].join('\n\n')}\n`;
}

if (import.meta.main) writeFileSync(fieldsPageFile, fieldsPage());
