// docs/performance.md, of the tables of one run. Pure functions.

import { markdownOf, type Table } from './tables.ts';

export interface Machine {
  cpus: number;
  model: string;
  memoryGb: number;
  kernel: string;
  system: string;
  node: string;
  version: string;
  /** Of a minute, before the first measurement. */
  load: number;
  /** YYYY-MM-DD. */
  date: string;
}

export interface Section {
  title: string;
  about: readonly string[];
  tables: readonly Table[];
  /** A plot's file beside the page, and what it shows. */
  plot?: { file: string; about: string };
}

export const machineText = ({ cpus, model, memoryGb, kernel, system, node, version, load, date }: Machine): string =>
  `${date}: stepparent ${version} on ${cpus} CPUs (${model}), ${memoryGb} GB of memory, Linux ${kernel}, ${system}, Node ${node}. Load at the start: ${load.toFixed(1)}.`;

const sectionText = ({ title, about, tables, plot }: Section): string =>
  [
    `## ${title}`,
    '',
    ...(about.length > 0 ? [...about, ''] : []),
    ...(plot === undefined ? [] : [`![${plot.about}](${plot.file})`, '']),
    ...tables.map(markdownOf),
  ].join('\n');

/** `missing`: what was left out, with the reason. */
export const pageOf = (machine: Machine, sections: readonly Section[], missing: readonly string[]): string =>
  [
    '# Performance',
    '',
    '<!-- Written by `npm run bench`; run it again instead of editing. -->',
    '',
    machineText(machine),
    '',
    ...(missing.length > 0 ? ['Not measured:', '', ...missing.map((each) => `- ${each}`), ''] : []),
    ...sections.map(sectionText),
  ].join('\n');
