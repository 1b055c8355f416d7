// Passwords in URLs are replaced, and nothing else.

import { describe, expect, test } from 'vitest';
import { redactCredentials } from '../../../collectors/event/redact-credentials.ts';

describe('a password is replaced', () => {
  test.each([
    ['http://user:password@proxy:3128/', 'http://user:***@proxy:3128/'],
    ['http://user:@proxy', 'http://user:***@proxy'],
    ['http://:password@proxy', 'http://:***@proxy'],
    ['http://user:pass:word@proxy', 'http://user:***@proxy'],
    ['http://user:p@ss@proxy', 'http://user:***@proxy'],
    ['http://domain%5Cuser:p%40ss@proxy', 'http://domain%5Cuser:***@proxy'],
    ['http://user:pa/ss@proxy/x', 'http://user:***@proxy/x'],
    ['http://user:pa?s#s@proxy/x', 'http://user:***@proxy/x'],
    ['https://token@host/repository', 'https://***@host/repository'],
    ['ssh://git@host', 'ssh://***@host'],
    ['http://a:b@[::1]:3128', 'http://a:***@[::1]:3128'],
    ['http://a:b@x http://c:d@y', 'http://a:***@x http://c:***@y'],
    ['https://a:b@x,https://c:d@y', 'https://a:***@x,https://c:***@y'],
    [
      '/usr/bin/apt -o Acquire::http::Proxy=http://a:b@c update',
      '/usr/bin/apt -o Acquire::http::Proxy=http://a:***@c update',
    ],
    ['http://a:b\u0080\ufffd@x', 'http://a:***@x'],
  ])('%j', (text, expected) => {
    expect(redactCredentials(text)).toBe(expected);
    expect(redactCredentials(text, true)).toBe(expected);
  });

  test.each([
    ['user:password@proxy:3128', 'user:***@proxy:3128'],
    ['user:pa/ss@proxy', 'user:***@proxy'],
    ['token@proxy:3128', '***@proxy:3128'],
  ])('%j, where the text is a host', (text, expected) => {
    expect(redactCredentials(text, true)).toBe(expected);
    expect(redactCredentials(text)).toBe(text);
  });
});

test.each([
  '',
  '@',
  '://',
  'http://',
  'http://proxy:3128',
  'http://proxy:3128/path@x',
  'http://proxy/user:password@x',
  'http://[::1]:3128/@scope',
  'http://proxy user:password@x',
  'http://proxy?a:b@c',
  '/usr/bin:/home/alice@host/bin:/sbin',
  '() { echo user:password@host; }',
  'localhost,127.0.0.1,.example.org',
])('%j stays', (text) => {
  expect(redactCredentials(text)).toBe(text);
});

test.each(['proxy:3128', 'proxy', '127.0.0.1:3128', '[::1]:3128', 'localhost,.example.org', ''])(
  '%j stays, where the text is a host',
  (text) => {
    expect(redactCredentials(text, true)).toBe(text);
  },
);

test('a URL within another URL keeps no password', () => {
  expect(redactCredentials('http://a:b://c:d@e')).not.toContain('d@');
});

test.each(['://', 'a:', '@', ':@', '://a:', '://@', '://a:b@', 'a://b:c/', ' ://a'])(
  'a long repetition of %j ends',
  (piece) => {
    // With quadratic time this would take minutes.
    const text = piece.repeat(131_072 / piece.length);
    expect(redactCredentials(text, true).length).toBeGreaterThan(0);
    expect(redactCredentials(text).length).toBeGreaterThan(0);
  },
);
