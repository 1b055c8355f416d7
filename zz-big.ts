import fs from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { execFileSync, spawn } from 'node:child_process';
import { openPackageWatch } from './collectors/packagedb/package-watch.ts';
import { createProcessTable } from './collectors/process-table.ts';
import { openProcView, readHostNamespaces } from './collectors/proc/inspect-process.ts';
const n = Number(process.argv[2]);
const dir = '/tmp/i3x/big/dpkg/info';
fs.rmSync('/tmp/i3x/big', { recursive: true, force: true }); fs.mkdirSync(dir, { recursive: true });
execFileSync('python3', ['-c', `
import os
for i in range(${n}): os.close(os.open("${dir}/package-number-%d.postinst" % i, os.O_CREAT|os.O_WRONLY))
`]);
const mem = new Map<string, Map<string, any>>();
let saved = 0, told = 0, bytes = 0; const notices: any[] = [], faults: any[] = [];
const cpu0 = process.cpuUsage();
console.log('rss', process.memoryUsage.rss() / 1e6);
const h = monitorEventLoopDelay({ resolution: 5 }); h.enable();
const t0 = performance.now();
const w = openPackageWatch({ folders: [{ path: dir, manager: 'dpkg', expected: true }], memory: { knownFiles: () => [], saveKnownFiles: (f, u, d) => { for (const x of u) saved++; } },
  table: createProcessTable(openProcView(readHostNamespaces())),
  context: { host: {}, agent: {}, bootId: '12345678', sensor: 'x', bootEpochMs: () => 0, userName: () => 'root', groupName: () => 'root' } as any,
  onEvent: (e) => { told++; bytes += JSON.stringify(e).length; }, onNotice: (...x) => notices.push(x), commit() {}, onFault: (...x) => faults.push(x) });
const report = (what: string) => { const c = process.cpuUsage(cpu0); console.log(what, `${((performance.now() - t0) / 1000).toFixed(1)} s`, 'cpu', ((c.user + c.system) / 1e6).toFixed(2), 'rss', (process.memoryUsage.rss() / 1e6).toFixed(0), 'max delay ms', (h.max / 1e6).toFixed(0), 'p99', (h.percentile(99)/1e6).toFixed(0), 'told', told, 'saved', saved, JSON.stringify(w.report()), JSON.stringify(notices).slice(0, 300), JSON.stringify(faults).slice(0,300)); h.reset(); };
const wait = (ms: number) => new Promise((r) => setTimeout(r, ms));
for (let i = 0; i < 60; i++) { await wait(500); if (saved >= Math.min(n, 200000)) break; }
report('first listing');
const storm = Number(process.argv[3]);
const p = spawn('python3', ['-c', `
import os
for i in range(${storm}):
  fd = os.open("${dir}/storm-%d" % i, os.O_CREAT|os.O_WRONLY); os.write(fd, b"x"*100); os.close(fd)
`], { stdio: 'inherit' });
await new Promise((r) => p.on('exit', r));
report('storm over');
for (let i = 0; i < 20; i++) { const before = told; await wait(3000); report('after'); if (i > 5 && told === before) break; }
await w.stop();
report('stopped');
