// Every table of the host that a statement can ask for.

import { groupsTable, usersTable } from './accounts.ts';
import { debPackagesTable } from './deb-packages.ts';
import { fileTable } from './file.ts';
import type { HostTable } from './host-table.ts';
import { processesTable } from './processes.ts';
import { rpmPackagesTable } from './rpm-packages.ts';

export const hostTables: readonly HostTable[] = [
  fileTable(),
  usersTable(),
  groupsTable(),
  processesTable,
  debPackagesTable(),
  rpmPackagesTable(),
];
