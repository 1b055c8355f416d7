// The goals for the agent's cost as one table, compared with the results. Pure functions.

import { cpuOfWorkload, idleShares, ratioWithout } from './part-tables.ts';
import type { Data, DataOf, Result } from './results.ts';
import { median, quantile } from './statistics.ts';
import { bytesText, fixed } from './tables.ts';

/** The observer that the goals are for, by its name in observerKinds. */
const agent = 'stepparent';

interface Goal {
  name: string;
  limit: number;
  /** Present: the figure must be below the limit; absent: it may equal the limit. */
  isBelow?: true;
  textOf(value: number): string;
  /** The figure, from the results of all parts; undefined: not measured. */
  measured(all: readonly Data[]): number | undefined;
}

/** One row of the table of goals. `measured` is '' if there is no result. */
export interface JudgedGoal {
  name: string;
  limit: string;
  measured: string;
  verdict: 'met' | 'missed' | 'not measured';
}

const own = <T extends { name: string }>({ observers }: { observers: readonly T[] }): T | undefined =>
  observers.find(({ name }) => name === agent);

const workloads = (all: readonly Data[]): DataOf<'workload'>[] => all.filter((each) => each.kind === 'workload');

/** A figure of the agent during one workload; `isOne` selects the workload by its name. */
function ofWorkload(
  all: readonly Data[],
  isOne: RegExp,
  read: (data: DataOf<'workload'>, observer: DataOf<'workload'>['observers'][number]) => number | undefined,
): number | undefined {
  const data = workloads(all).find(({ name }) => isOne.test(name));
  const observer = data && own(data);
  return data && observer && read(data, observer);
}

/** The greatest value; undefined: there are no values. */
const greatest = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : Math.max(...values);

/** The greatest median of all workloads. */
const memory = (all: readonly Data[], field: 'restMb' | 'mostMb'): number | undefined =>
  greatest(workloads(all).flatMap((data) => (own(data) ? [median(own(data)?.[field] ?? [])] : [])));

const apt = /^apt-get /;

const goals: readonly Goal[] = [
  {
    name: 'CPU of the apt run',
    limit: 0.4,
    textOf: (value) => fixed(value, 3, 's'),
    measured: (all) => ofWorkload(all, apt, (data, observer) => cpuOfWorkload(data, observer) / 1000),
  },
  {
    name: 'Bytes stored of the apt run',
    limit: 0.9e6,
    textOf: bytesText,
    measured: (all) => ofWorkload(all, apt, (_, { storedBytes }) => median(storedBytes)),
  },
  {
    name: 'Time of the apt run with / without, upper end of the interval',
    limit: 1.03,
    isBelow: true,
    textOf: (value) => fixed(value, 3),
    measured: (all) => ofWorkload(all, apt, (data, observer) => ratioWithout(data, observer, 'seconds')?.interval?.[1]),
  },
  {
    name: 'CPU for 1,000 runs of dpkg',
    limit: 150,
    textOf: (value) => fixed(value, 1, 'ms'),
    measured: (all) => ofWorkload(all, / runs of dpkg /, cpuOfWorkload),
  },
  {
    name: 'CPU for 1,000 ordinary processes',
    limit: 15,
    textOf: (value) => fixed(value, 1, 'ms'),
    measured: (all) => ofWorkload(all, / ordinary processes/, cpuOfWorkload),
  },
  {
    name: 'CPU at rest',
    limit: 0.1,
    textOf: (value) => fixed(value, 3, '%'),
    measured(all) {
      const data = all.find((each) => each.kind === 'idle');
      const observer = data && own(data);
      return data && observer && median(idleShares(data, observer));
    },
  },
  {
    name: 'From an execution to the journal, p99',
    limit: 50,
    textOf: (value) => fixed(value, 1, 'ms'),
    measured(all) {
      const data = all.find((each) => each.kind === 'latency');
      const observer = data && own(data);
      // An execution without a line counts as slower than any with a line.
      return (
        observer &&
        quantile(
          observer.rounds.flatMap(({ ms, missed }) => [...ms, ...Array<number>(missed).fill(Number.POSITIVE_INFINITY)]),
          0.99,
        )
      );
    },
  },
  {
    name: 'Slowest hunt over a million rows',
    limit: 500,
    isBelow: true,
    textOf: (value) => fixed(value, 1, 'ms'),
    measured(all) {
      const data = all.find((each) => each.kind === 'growth');
      return greatest(data?.sizes.find(({ rows }) => rows === 1_000_000)?.hunts.map(({ ms }) => ms) ?? []);
    },
  },
  {
    name: 'Memory at rest, of all workloads the most',
    limit: 80,
    textOf: (value) => fixed(value, 1, 'MB'),
    measured: (all) => memory(all, 'restMb'),
  },
  {
    name: 'Memory at most, of all workloads the most',
    limit: 95,
    textOf: (value) => fixed(value, 1, 'MB'),
    measured: (all) => memory(all, 'mostMb'),
  },
];

/** Every goal in a fixed order, compared with the results of the parts that were measured. */
export const judgeGoals = (results: readonly Result[]): JudgedGoal[] =>
  goals.map(({ name, limit, isBelow, textOf, measured }) => {
    const value = measured(results.map(({ data }) => data));
    const isMet = value !== undefined && (isBelow ? value < limit : value <= limit);
    return {
      name,
      limit: `${isBelow ? 'below' : 'at most'} ${textOf(limit)}`,
      measured: value === undefined ? '' : Number.isFinite(value) ? textOf(value) : 'none in time',
      verdict: value === undefined ? 'not measured' : isMet ? 'met' : 'missed',
    };
  });
