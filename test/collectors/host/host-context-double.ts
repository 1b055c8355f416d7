// A host that began in 2026 and knows two users.

import { known } from '../../../collectors/answer.ts';
import type { HostContext } from '../../../collectors/host/host-context.ts';
import type { PackageKnowledge } from '../../../collectors/process/observe-exec.ts';
import { plainHost, recordedHost } from '../../recorded-host.ts';

let serial = 0;

export const hostContext: HostContext = {
  host: recordedHost({ files: plainHost }),
  hostFields: { name: 'web1', id: 'a1b2', os: { type: 'linux' } },
  agent: { type: 'stepparent', version: '0.1.0' },
  bootId: '01234567-89ab-cdef-0123-456789abcdef',
  sensor: 'tracefs',
  nextSerial: () => serial++,
  userName: (id) => ({ 0: 'root', 1000: 'alice' })[id],
  groupName: (id) => ({ 0: 'root' })[id],
};

/** A host where no name is a package tool's, no script a copy, and every program has an owner. */
export const noKnowledge: PackageKnowledge = {
  tools: {
    notice: () => undefined,
    genuineProcess: () => undefined,
    genuine: () => () => ({ fields: {}, inferred: {}, verified: new Map() }),
  },
  copies: { originalOf: () => known<string>(undefined) },
  ancestorScripts: { mayBeAbove: () => false, above: () => [] },
  namedCallers: { mayWait: () => false, of: () => ({ fromEnvironment: [], fromJournal: undefined }) },
  unowned: { check: (path) => known({ path, isOwned: true }) },
};
