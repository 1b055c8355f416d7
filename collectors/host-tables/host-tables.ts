// The tables of the host that a statement can read.

import type { Host } from '../host/host.ts';
import { groupsTable, usersTable } from './accounts.ts';
import { aptSourcesTable } from './apt-sources.ts';
import { debPackagesTable } from './deb-packages.ts';
import { fileTable } from './file.ts';
import { hashTable } from './hash.ts';
import type { HostTable } from './host-table.ts';
import { processesTable } from './processes.ts';
import { rpmPackagesTable } from './rpm-packages.ts';
import { yumSourcesTable } from './yum-sources.ts';

/** Returns all tables of a host. Nothing is read until a statement asks for rows. */
export const hostTables = (host: Host): readonly HostTable[] => [
  fileTable(host.proc),
  hashTable(host.proc),
  usersTable(host),
  groupsTable(host),
  processesTable(host),
  debPackagesTable(host),
  rpmPackagesTable(host),
  aptSourcesTable(host),
  yumSourcesTable(host),
];
