// The page of fields is what the table of fields makes of it.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fieldsPage, fieldsPageFile } from '../../docs/fields-page.ts';

test('docs/fields.md is up to date; otherwise run npm run docs:fields', () => {
  expect(readFileSync(fieldsPageFile, 'utf8')).toBe(fieldsPage());
});
