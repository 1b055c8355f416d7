// Reads the TCP connections that a process has open from /proc, for kernels that do not report connections.

import type { HostFiles } from '../host/host-files.ts';
import { tryRead } from '../host/read-faults.ts';
import { withFile } from '../host/read-file.ts';
import type { RegularFile } from '../host/regular-file.ts';
import { linux } from '../linux/linux-abi.ts';
import type { Endpoint } from '../process/process-record.ts';
import { ipv4Text, ipv6Text } from './ip-address.ts';

/** One line of /proc/PID/net/tcp or tcp6. */
export interface TcpSocket {
  local: Endpoint;
  remote: Endpoint;
  /** State of the socket, as in netinet/tcp.h. */
  state: number;
  /** `0`: no process has the socket open any more. */
  inode: string;
}

/** Both ends of a connection that a process has open and has probably opened. */
interface OpenConnection {
  source: Endpoint;
  destination: Endpoint;
}

/** A process with more descriptors is not read: to list them would take too long. */
const maxDescriptors = 1024;
/** Maximum size of a table of sockets that is read, some 7,000 of them. */
const maxTableBytes = 1024 * 1024;
const chunkBytes = 64 * 1024;

/** Parses /proc/PID/net/tcp or tcp6 (proc_pid_net(5)). An incomplete line at the end is left out. */
export function parseTcpTable(text: string): TcpSocket[] {
  const line =
    /^ *\d+: ([\dA-F]{8}|[\dA-F]{32}):([\dA-F]{4}) ([\dA-F]{8}|[\dA-F]{32}):([\dA-F]{4}) ([\dA-F]{2}) \S+ \S+ \S+ +\d+ +\d+ (\d+) /gm;
  return [...text.matchAll(line)].map(
    ([, localIp = '', localPort = '', remoteIp = '', remotePort = '', state = '', inode = '']) => ({
      local: { ip: ipOf(localIp), port: Number.parseInt(localPort, 16) },
      remote: { ip: ipOf(remoteIp), port: Number.parseInt(remotePort, 16) },
      state: Number.parseInt(state, 16),
      inode,
    }),
  );
}

/** An address as the kernel prints it: words of 32 bits in the byte order of the machine, which is little-endian here. */
function ipOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  bytes.swap32();
  return bytes.length === 4 ? ipv4Text(bytes, 0) : ipv6Text(bytes, 0);
}

/**
 * The connections that a live process has open, without those to a port on which a socket of its network namespace
 * listens: these were accepted. Empty: the process has ended, has more than 1,024 descriptors, or has none open.
 */
export function readOpenConnections(
  files: Pick<HostFiles, 'open' | 'readDirectory' | 'readLink' | 'readText'>,
  pid: number,
): OpenConnection[] {
  const inodes = socketsOf(files, pid);
  if (inodes.size === 0) return [];
  const sockets = ['tcp', 'tcp6'].flatMap((name) =>
    parseTcpTable(tryRead(() => withFile(files.open(`/proc/${pid}/net/${name}`), readTable)) ?? ''),
  );
  const listening = new Set(sockets.flatMap(({ state, local }) => (state === linux.TCP_LISTEN ? local.port : [])));
  return sockets
    .filter(({ inode, remote, local }) => inodes.has(inode) && remote.port !== 0 && !listening.has(local.port))
    .map(({ local, remote }) => ({ source: local, destination: remote }));
}

/** The inodes of the sockets that a process has open. */
function socketsOf(files: Pick<HostFiles, 'readDirectory' | 'readLink' | 'readText'>, pid: number): Set<string> {
  const sizeText = tryRead(() => /^FDSize:\s*(\d+)$/m.exec(files.readText(`/proc/${pid}/status`))?.[1]);
  if (sizeText === undefined || Number(sizeText) > maxDescriptors) return new Set();
  const descriptors = tryRead(() => files.readDirectory(`/proc/${pid}/fd`)) ?? [];
  const links = descriptors.map((name) => tryRead(() => files.readLink(`/proc/${pid}/fd/${name}`)));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link ?? '')?.[1] ?? []));
}

/** A read of such a table gives at most a page. */
function readTable(file: RegularFile): string {
  const pieces: Buffer[] = [];
  for (let position = 0; position < maxTableBytes; ) {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const bytesRead = file.readNow(chunk, position);
    if (bytesRead === 0) break;
    pieces.push(chunk.subarray(0, bytesRead));
    position += bytesRead;
  }
  return Buffer.concat(pieces).toString('latin1');
}
