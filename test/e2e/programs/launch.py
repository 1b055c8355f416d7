"""Runs a program in one of the ways that Python has: launch.py WAY FILE PROGRAM [ARGUMENT...]

The pid of the program's parent is written to FILE.
"""

import os
import subprocess
import sys
import threading
import time

way, pid_file, *program = sys.argv[1:]


def report(pid):
    with open(pid_file, "w") as file:
        file.write(str(pid))


def exec_when_orphaned(parent):
    while os.getppid() == parent:
        time.sleep(0.001)
    os.execvp(program[0], program)


def run_in_thread(target):
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()


report(os.getpid())
if way == "subprocess":
    subprocess.run(program)
elif way == "system":
    os.system("exec " + " ".join(program))
elif way == "posix_spawn":
    os.waitpid(os.posix_spawnp(program[0], program, os.environ), 0)
elif way == "double fork":
    middle = os.fork()
    if middle == 0:
        middle = os.getpid()
        report(middle)
        if os.fork() == 0:
            exec_when_orphaned(middle)
        os._exit(0)
    os.waitpid(middle, 0)
elif way == "abandon":
    launcher = os.getpid()
    if os.fork() == 0:
        exec_when_orphaned(launcher)
    os._exit(0)
elif way == "thread forks":
    run_in_thread(lambda: subprocess.run(program, preexec_fn=lambda: None))
elif way == "thread execs":
    report(os.getppid())
    run_in_thread(lambda: os.execvp(program[0], program))
elif way == "become":
    # The first argument is the program that the parent becomes; the child acts once that has happened.
    successor, *program = program
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(writing)
        os.read(reading, 1)
        os.execvp(program[0], program)
    os.execv(successor, [successor, "-c", "import os; os.wait()"])
elif way == "memfd":
    # The first argument is the file that is run from memory.
    image, *program = program
    memory = os.memfd_create("stepparent-e2e", 0)
    with open(image, "rb") as file:
        os.write(memory, file.read())
    os.execve(memory, ["memory", "-c", '"$@"; exit $?', "memory", *program], os.environ)
else:
    sys.exit("no such way: " + way)
