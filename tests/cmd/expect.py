"""What tests of programs share: a program is run and must end with a status, something must be so; all that fails is told at the end."""
import subprocess
import sys

sys.dont_write_bytecode = True
FAILED = []


def run(*command, status=0, **how):
    """how: as subprocess.run has it."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)
    if done.returncode != status:
        FAILED.append("%s: status %d: %s" % (" ".join(command), done.returncode, done.stderr))
    return done


def check(what, ok):
    if not ok:
        FAILED.append(what)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def tell():
    print("\n".join(FAILED))
    sys.exit(1 if FAILED else 0)
