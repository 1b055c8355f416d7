# Installs package files with rpm's Python module, as dnf does.
# librpm.py DATABASE_DIRECTORY PACKAGE...; with CHECK in the environment it checks dependencies, which the packages of tests do not meet;
# with FORK a child goes on with the transaction
import os
import sys

import rpm

rpm.addMacro('_dbpath', sys.argv[1])
opened = []


def step(reason, amount, total, key, data):
    if os.environ.pop('FORK', None):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            os._exit(0)
    if reason == rpm.RPMCALLBACK_INST_OPEN_FILE:
        opened.append(open(key))
        return opened[-1].fileno()
    if reason == rpm.RPMCALLBACK_INST_CLOSE_FILE:
        opened.pop().close()


transaction = rpm.TransactionSet()
transaction.setVSFlags(-1)
for path in sys.argv[2:]:
    transaction.addInstall(transaction.hdrFromFdno(os.open(path, os.O_RDONLY)), path, 'u')
if 'CHECK' in os.environ:
    transaction.check()
transaction.order()
problems = transaction.run(step, '')
print(problems)
sys.exit(1 if problems else 0)
