// Elasticsearch's templates for events and alerts, made of ECS's own field types: `npm run docs:elasticsearch` writes them.

import '../agent/locked-node.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EcsFlat } from '@elastic/ecs';
import { alertFields, eventFields, openObjects } from '../collectors/event/fields.ts';

const directory = join(import.meta.dirname, 'examples/elasticsearch');

interface Mapping {
  type: string;
  ignore_above?: number;
  scaling_factor?: number;
}
type Properties = Record<string, Mapping | { properties: Properties }>;

/** Of what ECS does not have (ours, and `Ext` of Elastic Defend's), by the end of its name; all else are keywords. */
const ownTypes: readonly [RegExp, string][] = [
  [/\.(?:pid|depth|packages_count|lost_events|line|size|alerts)$/, 'long'],
  [/\.(?:dry_run|moved_out)$|\.genuine\./, 'boolean'],
  [/\.(?:start|mtime|ctime|from|to|expires)$/, 'date'],
  [/\.(?:diff|text)$/, 'wildcard'],
];

const ecs: Record<string, { type: string; ignore_above?: number; scaling_factor?: number } | undefined> = EcsFlat;

function mappingOf(field: string): Mapping {
  if (!field.startsWith('stepparent.') && !field.includes('.Ext.')) {
    const known = ecs[field];
    if (known === undefined) throw new Error(`${field} is no field of ECS`);
    const { type, ignore_above, scaling_factor } = known;
    return { type, ...(ignore_above && { ignore_above }), ...(scaling_factor && { scaling_factor }) };
  }
  if (openObjects.includes(field)) return { type: 'flattened' };
  const type = ownTypes.find(([name]) => name.test(field))?.[1];
  return type === undefined ? { type: 'keyword', ignore_above: 1024 } : { type };
}

function propertiesOf(fields: readonly string[]): Properties {
  const top: Properties = {};
  for (const field of fields) {
    const names = field.split('.');
    const last = names.pop() ?? field;
    let at = top;
    for (const name of names) {
      at[name] ??= { properties: {} };
      at = (at[name] as { properties: Properties }).properties;
    }
    at[last] = mappingOf(field);
  }
  return top;
}

/** The type of every field that has a mapping. */
export const mappedTypes: ReadonlyMap<string, string> = new Map(
  [...new Set([...eventFields, ...alertFields, ...openObjects])].sort().map((field) => [field, mappingOf(field).type]),
);

/** The bodies of `PUT _component_template/stepparent` and `PUT _index_template/stepparent`, by file. */
export const elasticsearchTemplates: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'component-template.json': {
      template: { mappings: { dynamic: false, properties: propertiesOf([...mappedTypes.keys()]) } },
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
