// The Elasticsearch templates among the examples are those that their fields make.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { elasticsearchTemplates } from '../../packaging/elasticsearch-template.ts';

test.each([...elasticsearchTemplates])('%s; else: node packaging/elasticsearch-template.ts', (file, text) => {
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(text));
});
