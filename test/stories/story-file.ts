// The files of stories and their format: one line for each step.

import path from 'node:path';
import type { Story } from './play-story.ts';

export const storyFile = (id: string): string => path.join(import.meta.dirname, `${id}.story.json`);

const isPart = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Formats JSON with one line for each entry of objects and arrays down to `depth`. */
function lines(value: unknown, depth: number, indent: string): string {
  if (depth === 0 || !isPart(value)) return JSON.stringify(value).replaceAll('\x7f', '\\u007f');
  const inner = `${indent}  `;
  const entries = Array.isArray(value)
    ? value.map((each) => lines(each, depth - 1, inner))
    : Object.entries(value)
        .filter(([, each]) => each !== undefined)
        .map(([key, each]) => `${JSON.stringify(key)}: ${lines(each, depth - 1, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return entries.length === 0
    ? `${open}${close}`
    : `${open}\n${inner}${entries.join(`,\n${inner}`)}\n${indent}${close}`;
}

export const formatStory = (story: Story): string => `${lines(story, 4, '')}\n`;
