// Composes docs/performance.md and its plots from the results of all measured parts. Pure functions.

import { judgeGoals } from './goals.ts';
import { type Part, parts } from './options.ts';
import { plotOf, tableOf } from './part-tables.ts';
import type { Machine, Result } from './results.ts';
import { fixed, markdownOf, type Table } from './tables.ts';

const sections: readonly { title: string; about: readonly string[]; parts: readonly Part[] }[] = [
  {
    title: 'Workloads',
    about: [
      'Each round runs every observer once, and no observer (`none`) first and last; each second round runs in reverse order. Time with / without is the',
      'geometric mean, over the rounds, of the time with the observer divided by the mean of both runs without, with its 95 % interval. `none again` is',
      'the second run without divided by the first: the noise floor, which a difference must exceed to be one. Other figures are medians, with the least',
      "and the most. CPU is that of the observer's processes and of the kernel's thread for auditd; what the kernel does inside the observed processes is in theirs.",
      'Before the ordinary processes are measured, each observer sees as many: they are what a service has seen for days. Installations are measured as they come.',
    ],
    parts: ['apt', 'dnf', 'compile', 'dpkg', 'processes'],
  },
  { title: 'From an execution to its line', about: [], parts: ['latency'] },
  { title: 'At rest', about: [], parts: ['idle'] },
  {
    title: 'Loss and cost by rate',
    about: [
      'Executions at fixed rates, and bursts as fast as they can be made. Each execution has one argument of the length that is named.',
      'stepparent is configured to store each of them, as the peers do; as shipped it stores package operations only.',
      'exec-bench is an ordinary program. dpkg is run for stepparent only, which reads the arguments of package tools in a way of their own.',
      'Complete: the whole argument was recorded. Flagged: it was not, and the record says so. Cut: it was not, and nothing says so.',
      'CPU is a share of one core while the executions were made, with what the observer worked off afterwards; "over": it had more to do.',
    ],
    parts: ['rates-200', 'rates-4k', 'rates-128k'],
  },
  { title: 'With a large database', about: [], parts: ['growth'] },
];

const machineText = ({ cpus, model, memoryGb, kernel, system, node }: Machine): string =>
  `${cpus} CPUs (${model}), ${memoryGb} GB of memory, Linux ${kernel}, ${system}, Node ${node}`;

function takenText({ date, version, commit, minutes, load, rounds }: Result): string {
  return [
    `Measured on ${date}: stepparent ${version}, commit ${commit}`,
    ...(rounds === undefined ? [] : [`${rounds} ${rounds === 1 ? 'round' : 'rounds'}`]),
    `${fixed(minutes, 1, 'minutes')} in all`,
    `load ${fixed(load, 1)} at the start`,
  ]
    .join(', ')
    .concat('.');
}

/** The table of one part, with the time and conditions of its measurement. */
export function fullTable(result: Result): Table {
  const table = tableOf(result.data);
  const missing = result.missing.map((each) => `Not measured: ${each}.`);
  return { ...table, about: [...table.about, takenText(result), ...missing] };
}

const plotFile = (part: Part): string => `performance-${part}.svg`;

function partText(result: Result): string {
  const plot = plotOf(result.data);
  const text = markdownOf(fullTable(result));
  return plot === undefined ? text : `${text}\n![${plot.title}](${plotFile(result.part)})\n`;
}

function goalsText(results: readonly Result[]): string {
  const table = {
    title: 'Goals',
    about: ['A figure of stepparent beside its goal. The figures are those of the tables below.'],
    columns: ['Goal', 'Limit', 'Measured', 'Result'],
    rows: judgeGoals(results).map(({ name, limit, measured, verdict }) => [
      name,
      limit,
      measured,
      verdict === 'missed' ? `**${verdict}**` : verdict,
    ]),
  };
  return markdownOf(table).replace(/^###/, '##');
}

function machinesText(results: readonly Result[]): string {
  const byMachine = [...Map.groupBy(results, ({ machine }) => machineText(machine))];
  if (byMachine.length === 1) return `Machine: ${byMachine[0]?.[0]}.`;
  return byMachine.map(([text, own]) => `- ${own.map(({ part }) => part).join(', ')}: ${text}.`).join('\n');
}

/** The files of docs/ by name; empty if there are no results. */
export function performanceFiles(results: readonly Result[]): ReadonlyMap<string, string> {
  if (results.length === 0) return new Map();
  const absent = parts.filter((part) => !results.some((result) => result.part === part));
  const page = [
    '# Performance',
    '',
    '<!-- Made by `npm run docs:performance` from bench/results/; `npm run bench` measures. -->',
    '',
    machinesText(results),
    '',
    ...(absent.length > 0 ? [`Not measured: ${absent.join(', ')}.`, ''] : []),
    goalsText(results),
    ...sections.flatMap(({ title, about, parts: ofSection }) => {
      const own = results.filter(({ part }) => ofSection.includes(part));
      if (own.length === 0) return [];
      return [[`## ${title}`, '', ...(about.length > 0 ? [...about, ''] : []), ...own.map(partText)].join('\n')];
    }),
  ].join('\n');
  const plots = results.flatMap(({ part, data }) => {
    const plot = plotOf(data);
    return plot === undefined ? [] : [[plotFile(part), plot.svg] as const];
  });
  return new Map([['performance.md', page], ...plots]);
}
