// The journal's MESSAGE_ID of each rule, so that `journalctl MESSAGE_ID=...` and message catalogs find its alerts.

import { createHash } from 'node:crypto';

const namespace = Buffer.from('3f0b6d5c9f5e4a0c8f1d2a7be6c41d90', 'hex');

/**
 * The rule's MESSAGE_ID (journald.conf(5), sd-id128(3)): 32 lower-case hex digits, always the same for the same rule id.
 * A version 8 UUID (RFC 9562) made of SHA-256 over a fixed namespace and the id.
 */
export function messageId(ruleId: string): string {
  const bytes = createHash('sha256').update(namespace).update(ruleId).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex');
}
