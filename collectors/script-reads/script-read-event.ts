// Describes the read of a script whose content an interpreter got as an ECS event.

import type { ReadFields } from '../event/event.ts';
import type { HostContext } from '../host/host-context.ts';
import { type DescribedFileAct, describeFileAct, type FileEventDeps } from '../packagedb/file-event.ts';
import { entityId } from '../process/describe-process.ts';
import { executableOf } from '../process/executable.ts';
import type { ScriptRead } from './script-readers.ts';

/** Reads the content of the script for its hash, and /proc of the reader if it was not read yet. */
export async function describeScriptRead(read: ScriptRead, deps: FileEventDeps): Promise<DescribedFileAct> {
  const { path, atNs, reader, inferredFrom } = read;
  const opened = deps.context.host.openFile(path);
  try {
    return await describeFileAct(
      {
        action: 'script-read',
        type: 'access',
        actionInferredFrom: undefined,
        path,
        atNs,
        opened,
        unseen: undefined,
        writer: { snapshot: reader, source: 'kernel', inferredFrom: undefined },
        found: undefined,
        provider: 'fanotify',
        fields: { read: readFields(read, deps.context) },
        ...(inferredFrom && { inferred: { 'stepparent.read.interpreter': inferredFrom } }),
      },
      deps,
    );
  } finally {
    opened?.close();
  }
}

function readFields({ by, interpreter: { entry, image } }: ScriptRead, context: HostContext): ReadFields {
  return {
    by,
    interpreter: {
      entity_id: entityId(context.bootId, entry),
      pid: entry.pid,
      ...(image && { executable: executableOf(context.host, entry, image).path }),
    },
  };
}
