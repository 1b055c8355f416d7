/** A public key that gpg made for this test, and its fingerprint as gpg shows it. The secret key was not kept. */
export const armoredKey = `-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEaw23xxYJKwYBBAHaRw8BAQdARPMh7IJZZgmJ5XhIU6cuDfV1JWQT7Q9Bsn8o
Kbmcgaa0F3Rlc3QgPHRlc3RAZXhhbXBsZS5vcmc+iJAEExYIADgWIQTWJcZacKuw
KLuKiiikvOKYQjNCvAUCaw23xwIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAK
CRCkvOKYQjNCvAC7APoCYPChVBOwLkcw5jtuLj4GDVkItABVBYjfouGwmWrukQEA
xphs5LEVmE+9rM0FkPVZ5drBJp9gI6DNkx8w7wK1PgU=
=L7Eh
-----END PGP PUBLIC KEY BLOCK-----
`;
export const fingerprint = 'D625C65A70ABB028BB8A8A28A4BCE298423342BC';
export const binaryKey = Buffer.from(armoredKey.split('\n').slice(2, 7).join(''), 'base64');
