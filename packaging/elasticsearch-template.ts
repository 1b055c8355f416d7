// Elasticsearch templates for events and alerts, made from the table of fields: `npm run docs:elasticsearch` writes
// them.

import '../agent/locked-node.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Field, fields } from '../collectors/event/fields.ts';

const directory = join(import.meta.dirname, 'examples/elasticsearch');

type Properties = { [name: string]: { type: Field['type']; ignore_above?: number } | { properties: Properties } };

function propertiesOf(mapped: readonly Field[]): Properties {
  const top: Properties = {};
  for (const { name, type } of mapped) {
    const path = name.split('.');
    const last = path.pop() ?? name;
    let properties = top;
    for (const key of path) {
      properties[key] ??= { properties: {} };
      properties = (properties[key] as { properties: Properties }).properties;
    }
    properties[last] = { type, ...(type === 'keyword' && { ignore_above: 1024 }) };
  }
  return top;
}

const mapped = fields.filter(({ type }) => type !== 'objects').toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** The bodies of `PUT _component_template/stepparent` and `PUT _index_template/stepparent`, by file. */
export const elasticsearchTemplates: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'component-template.json': {
      template: { mappings: { dynamic: false, properties: propertiesOf(mapped) } },
      _meta: { description: 'Fields of the events and alerts of stepparent' },
    },
    'index-template.json': {
      index_patterns: [
        'logs-stepparent.*-*',
        'logs-endpoint.events.process-stepparent',
        'logs-endpoint.events.file-stepparent',
      ],
      data_stream: {},
      priority: 300,
      composed_of: ['stepparent'],
      _meta: { description: 'Events and alerts of stepparent' },
    },
  }).map(([file, body]) => [join(directory, file), `${JSON.stringify(body, undefined, 2)}\n`]),
);

if (import.meta.main) for (const [file, text] of elasticsearchTemplates) writeFileSync(file, text);
