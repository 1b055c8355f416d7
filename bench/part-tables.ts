// The table of each part of the benchmark, made from its results, and the plots of the rates. Pure functions.

import { linePlot } from './plot.ts';
import type { Cell, Data, DataOf } from './results.ts';
import { geometricMean, median, quantile, type Ratio, ratioOf, sum } from './statistics.ts';
import { bytesText, counted, fixed, type Table } from './tables.ts';

type WorkloadObserver = DataOf<'workload'>['observers'][number];

/**
 * The ratio of a figure to the mean of both runs without an observer in the same round; for the second of those runs,
 * the ratio to the first.
 */
export function ratioWithout(
  { observers }: DataOf<'workload'>,
  observer: WorkloadObserver,
  figure: 'seconds' | 'workMs',
): Ratio | undefined {
  const first = observers[0]?.[figure] ?? [];
  const second = observers.at(-1)?.[figure] ?? [];
  const bases = first.map((value, round) =>
    observer === observers.at(-1) ? value : geometricMean(value, second[round] ?? Number.NaN),
  );
  return ratioOf(observer[figure].map((value, round) => [value, bases[round] ?? Number.NaN] as const));
}

const ratioText = (ratio: Ratio | undefined): string => {
  if (ratio === undefined) return '';
  const { mean, interval } = ratio;
  return interval === undefined
    ? fixed(mean, 3)
    : `${fixed(mean, 3)} (${interval.map((each) => fixed(each, 3)).join(' to ')})`;
};

/** Median CPU of an observer for 1,000 processes, or for the whole run. */
export const cpuOfWorkload = ({ processes }: DataOf<'workload'>, { cpuMs }: WorkloadObserver): number =>
  processes === undefined ? median(cpuMs) : (median(cpuMs) / processes) * 1000;

/** The median, with the least and the greatest value. */
const rangeText = (values: readonly number[], digits: number, unit: string): string =>
  values.length < 2
    ? fixed(median(values), digits, unit)
    : `${fixed(median(values), digits, unit)} (${fixed(Math.min(...values), digits)} to ${fixed(Math.max(...values), digits)})`;

function workloadTable(data: DataOf<'workload'>): Table {
  const { name, processes, observers } = data;
  return {
    title: name,
    about: [],
    columns: [
      'Observer',
      'Time',
      'Time with / without',
      'CPU of the workload with / without',
      processes === undefined ? 'CPU' : 'CPU for 1,000',
      'Memory at rest / at most',
      'Stored',
      ...(processes === undefined ? [] : ['Seen, least']),
    ],
    rows: observers.map((observer, index) => {
      const cpu = observer.cpuMs.map((ms) => (processes === undefined ? ms : (ms / processes) * 1000));
      const { restMb, mostMb, storedBytes, seen } = observer;
      return [
        observer.name,
        rangeText(observer.seconds, 2, 's'),
        index === 0 ? '1' : ratioText(ratioWithout(data, observer, 'seconds')),
        index === 0 ? '1' : ratioText(ratioWithout(data, observer, 'workMs')),
        rangeText(cpu, 0, 'ms'),
        restMb.length === 0 ? '' : `${fixed(median(restMb), 0)} / ${fixed(median(mostMb), 0)} MB`,
        storedBytes.length === 0 ? '' : bytesText(median(storedBytes)),
        ...(processes === undefined
          ? []
          : [seen.length === 0 ? '' : `${counted(Math.min(...seen))} of ${counted(processes)}`]),
      ];
    }),
  };
}

function latencyTable({ patienceMs, probes, observers }: DataOf<'latency'>): Table {
  return {
    title: 'Latency',
    about: [
      "From the shell's clock right before it starts `dpkg -i` until the line about it is there: of stepparent the alert in the journal,",
      'by the time at which journald received it, after the agent has committed it to its database; of the peers the record of the execution, by',
      'the time at which another process can read it. auditd flushes each record here. dpkg is started by a program that is new each time, so that each run is an alert.',
      `Executions in a round: ${probes}.`,
    ],
    columns: ['Observer', 'p50', 'p99', 'Most', 'p50 of each round', `No line within ${patienceMs / 1000} s`],
    rows: observers.map(({ name, rounds }) => {
      const all = rounds.flatMap(({ ms }) => ms);
      const missed = sum(rounds.map((round) => round.missed));
      return [
        name,
        ...[median(all), quantile(all, 0.99), Math.max(...all)].map((each) => fixed(each, 0, 'ms')),
        rounds.map(({ ms }) => fixed(median(ms), 0)).join(', '),
        `${counted(missed)} of ${counted(all.length + missed)}`,
      ];
    }),
  };
}

/** CPU in percent of one core, one value for each round. */
export const idleShares = (
  { seconds }: DataOf<'idle'>,
  { cpuMs }: DataOf<'idle'>['observers'][number],
): readonly number[] => cpuMs.map((ms) => ms / (seconds * 10));

const idleTable = (data: DataOf<'idle'>): Table => ({
  title: 'Idle',
  about: [`Each observer idles ${data.seconds} s in a round, after its start has settled. CPU is a share of one core.`],
  columns: ['Observer', 'CPU', 'Memory'],
  rows: data.observers.map((observer) => [
    observer.name,
    rangeText(idleShares(data, observer), 2, '%'),
    fixed(median(observer.memoryMb), 0, 'MB'),
  ]),
});

const lengthText = (length: number): string => (length < 1000 ? `${length} B` : `${Math.round(length / 1024)} KiB`);

const percentOf = ({ cpuMs, seconds }: Cell): number => cpuMs / (seconds * 10);

const cellRow = (cell: Cell): string[] => {
  const { observer, program, rate, made, seconds, seen, reportedLost } = cell;
  const reached = counted(Math.round(made / seconds));
  return [
    cell.fault === undefined ? observer : `${observer} (${cell.fault})`,
    program,
    rate === 0 ? `burst, ${reached}/s` : `${reached} of ${counted(rate)}/s`,
    counted(made),
    counted(made - seen.seen),
    reportedLost === undefined ? '' : counted(reportedLost),
    counted(seen.complete),
    counted(seen.flagged),
    counted(seen.cut),
    `${cell.isBehind ? 'over ' : ''}${fixed(percentOf(cell), 1, '%')}`,
    fixed((cell.cpuMs / made) * 1000, 0, 'ms'),
  ];
};

const ratesTable = ({ length, seconds, burst, workOffSeconds, cells }: DataOf<'rates'>): Table => ({
  title: `Rates and bursts with an argument of ${lengthText(length)}`,
  about: [`${seconds} s at each rate, a burst of ${counted(burst)}, and up to ${workOffSeconds} s to work off each.`],
  columns: [
    ...['Observer', 'Program', 'Rate', 'Made', 'Lost', 'Reported lost', 'Complete', 'Flagged', 'Cut'],
    ...['CPU', 'CPU for 1,000'],
  ],
  rows: cells.map(cellRow),
});

/** CPU by rate for the ordinary program, which every observer is measured with. */
function ratesPlot({ length, cells }: DataOf<'rates'>): { title: string; svg: string } {
  const plotted = cells.filter(({ program, rate }) => program === cells[0]?.program && rate > 0);
  const series = [...Map.groupBy(plotted, ({ observer }) => observer)].map(([name, own]) => ({
    name,
    points: own.map((each) => [each.rate, percentOf(each)] as const),
  }));
  const title = `CPU by rate of executions with an argument of ${lengthText(length)}`;
  return { title, svg: linePlot({ title, x: 'executions a second', y: 'CPU, % of a core' }, series) };
}

const growthTable = ({ repeats, sizes }: DataOf<'growth'>): Table => ({
  title: 'Growth',
  about: [
    'A database with as many events of as many processes as named, and as many terms. One event: stored with a new term, in batches of 64.',
    `Start: until the agent is ready. Hunts and \`alerts\`: the median of ${repeats}; \`alerts\` with the start of the command.`,
  ],
  columns: ['Events, processes and terms', ...sizes.map(({ rows }) => counted(rows))],
  rows: [
    ['Size of the database', ...sizes.map(({ bytes }) => bytesText(bytes))],
    ['One event', ...sizes.map(({ eventMicroseconds }) => fixed(eventMicroseconds, 0, 'µs'))],
    ['Start, time', ...sizes.map(({ startSeconds }) => fixed(startSeconds, 2, 's'))],
    ['Start, CPU', ...sizes.map(({ startCpuMs }) => fixed(startCpuMs, 0, 'ms'))],
    ...(sizes[0]?.hunts ?? []).map(({ id }) => [
      `Hunt \`${id}\``,
      ...sizes.map(({ hunts }) => fixed(hunts.find((hunt) => hunt.id === id)?.ms, 0, 'ms')),
    ]),
    ['`alerts`', ...sizes.map(({ alertsMs }) => fixed(alertsMs, 0, 'ms'))],
  ],
});

/** The table of one part's results. */
export function tableOf(data: Data): Table {
  switch (data.kind) {
    case 'workload':
      return workloadTable(data);
    case 'latency':
      return latencyTable(data);
    case 'idle':
      return idleTable(data);
    case 'rates':
      return ratesTable(data);
    case 'growth':
      return growthTable(data);
  }
}

/** The plot of a part; undefined: it has none. */
export const plotOf = (data: Data): { title: string; svg: string } | undefined =>
  data.kind === 'rates' ? ratesPlot(data) : undefined;
