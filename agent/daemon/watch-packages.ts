// Watches the package databases: sends changes into the pipeline, and reports missed changes.

import { healthEvent } from '../../collectors/event/health-event.ts';
import type { HostContext } from '../../collectors/host/host-context.ts';
import type { DirectoryToWatch } from '../../collectors/packagedb/directory-to-watch.ts';
import { openPackageWatch, type PackageWatch } from '../../collectors/packagedb/package-watch.ts';
import type { ProcessTable } from '../../collectors/process/process-table.ts';
import type { ScriptWatch } from '../../collectors/script-reads/watch-scripts.ts';
import type { Store } from '../../storage/store.ts';
import type { Faults } from './faults.ts';
import type { Log } from './log.ts';
import type { Pipeline } from './pipeline.ts';

/** The store of the known files, the host that the watch observes, and the receivers of changes and notices. */
export interface WatchPackagesDeps {
  store: Pick<Store, 'knownFiles' | 'saveKnownFiles'>;
  host: { table: ProcessTable; context: HostContext };
  pipeline: Pipeline;
  /** The watch of the scripts, which learns from this one of new and replaced scripts. */
  scripts: Pick<ScriptWatch, 'noteFile' | 'listAgain'>;
  faults: Faults;
  log: Pick<Log, 'info' | 'warn'>;
}

/** Starts the watch of the directories. */
export function watchPackages(
  directories: readonly DirectoryToWatch[],
  { store, host, pipeline, scripts, faults, log }: WatchPackagesDeps,
): PackageWatch {
  return openPackageWatch(directories, {
    memory: store,
    ...host,
    receiver: {
      onOpened(path) {
        scripts.noteFile(path);
        pipeline.noteFile(path);
      },
      onChange(change) {
        // A change that a comparison found was not opened before.
        scripts.noteFile(change.path);
        return pipeline.handleFileChange(change);
      },
      onNotice(action, reason, count) {
        if (action === 'package-directory-replaced' || action === 'package-directory-found') scripts.listAgain();
        // A missing directory is not a fault: the health check `package_directories` reports it while it is missing.
        if (action === 'package-directory-missing') log.warn(reason);
        else if (action === 'package-directory-found') log.info(reason);
        else faults.note(reason);
        pipeline.recordHealth(healthEvent(host.context, action, reason, count));
      },
      onFault: faults.note,
      commit: pipeline.commit,
    },
  });
}
