import { openPackageWatch } from './collectors/packagedb/package-watch.ts';
import { packageFolders, askRpm } from './collectors/packagedb/package-folders.ts';
import { createProcessTable } from './collectors/process-table.ts';
import { openProcView, readHostNamespaces } from './collectors/proc/inspect-process.ts';
const table = createProcessTable(openProcView(readHostNamespaces()));
const rpm = await askRpm();
const w = openPackageWatch({ folders: packageFolders(undefined, rpm), memory: { knownFiles: () => [], saveKnownFiles: (f, u, d) => { for (const x of u); } }, table,
  context: { host: {}, agent: {}, bootId: '12345678', sensor: 'x', bootEpochMs: () => 0, userName: () => 'root', groupName: () => 'root' } as any,
  onEvent: (e) => {console.log(e.file)}, onNotice: (...x) => console.log(x), commit() {}, onFault: console.log });
await new Promise((r) => setTimeout(r, 3000));
for (let i = 0; i < 14; i++) {
const c0 = process.cpuUsage();
await new Promise((r) => setTimeout(r, 5000));
const c = process.cpuUsage(c0);
console.log('cpu in 5 s', (c.user + c.system) / 1e6);
}
await w.stop();
