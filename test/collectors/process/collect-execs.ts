// An exec collector over a hold of its own, as the pipeline puts them together.

import { openHold } from '../../../collectors/event/hold.ts';
import type { HostContext } from '../../../collectors/host/host-context.ts';
import {
  createExecCollector,
  type ExecCollector,
  noStartProbes,
  type StartProbes,
} from '../../../collectors/process/exec-collector.ts';
import { type ObservedExec, observeExec, type PackageKnowledge } from '../../../collectors/process/observe-exec.ts';
import type { LostRecord } from '../../../collectors/process/process-record.ts';
import type { ProcessTable } from '../../../collectors/process/process-table.ts';
import { noKnowledge } from '../host/host-context-double.ts';

interface Options {
  table: ProcessTable;
  context: HostContext;
  knowledge?: PackageKnowledge;
  /** Probes that the sensor has; absent: none. */
  probes?: Partial<StartProbes>;
  onExec(exec: ObservedExec): void;
  onLost?(record: LostRecord): void;
}

export function collectExecs({ table, context, knowledge = noKnowledge, ...options }: Options): ExecCollector {
  const { probes = {}, onExec, onLost = () => {} } = options;
  return createExecCollector(
    {
      host: context.host,
      table,
      hold: openHold({ clock: context.host.clock, onLate() {}, onFault() {} }),
      observe: (snapshot) => observeExec(snapshot, table, context, knowledge),
      report: { exec: onExec, connect() {}, exit() {}, lost: onLost, readAgain() {} },
    },
    { ...noStartProbes, ...probes },
  );
}
