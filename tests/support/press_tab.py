#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Types lines into an interactive shell, presses Tab, and tells what became of them.

    press_tab.py bash|zsh SETUP LINE...     SETUP is code for the shell; one line of output for each

The shell runs in a terminal of its own; a key writes the edited line to a file."""

import os
import pty
import select
import subprocess
import sys
import tempfile
import time

KEY = b"\x18\x18"  # ctrl-x ctrl-x
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             "bind 'set bell-style none'; bind 'set show-all-if-ambiguous on'\n"
             "bind -x '\"\\C-x\\C-x\": printf \"%s\\n\" \"$READLINE_LINE\" >OUT'\n"),
    "zsh": (["zsh", "-f", "-i"],
            "autoload -Uz compinit; compinit -u -D; unsetopt beep list_beep auto_menu\n"
            "dump() { print -r -- \"$BUFFER\" >OUT }; zle -N dump; bindkey '^X^X' dump\n"),
}
DEADLINE = 30


def drain(terminal, seconds):
    """Reads what the shell draws, so that it never blocks."""
    while select.select([terminal], [], [], seconds)[0]:
        try:
            if not os.read(terminal, 65536):
                return
        except OSError:
            return


def wait_for(path, terminal, again=None):
    """The text of the file once it is there; `again` is typed every second until then."""
    end = time.monotonic() + DEADLINE
    typed = time.monotonic()
    while time.monotonic() < end:
        drain(terminal, 0.05)
        if os.path.exists(path) and os.path.getsize(path):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            os.unlink(path)
            return text.rstrip("\n")
        if again and time.monotonic() - typed > 1:
            os.write(terminal, again)
            typed = time.monotonic()
    sys.exit(f"press_tab: the shell did not answer within {DEADLINE} s")


def main():
    shell, setup, lines = sys.argv[1], sys.argv[2], sys.argv[3:]
    command, bindings = SHELLS[shell]
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        script = os.path.join(folder, "setup")
        with open(script, "w", encoding="utf-8") as file:
            file.write(bindings.replace("OUT", out) + setup + f"\necho ready >{out}\n")
        master, slave = pty.openpty()
        environment = dict(os.environ, TERM="xterm", PS1="$ ", INPUTRC="/dev/null", HISTFILE="")
        process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                   env=environment, start_new_session=True, close_fds=True)
        os.close(slave)
        os.write(master, f". {script}\n".encode())
        wait_for(out, master)
        for line in lines:
            os.write(master, b"\x15" + line.encode() + b"\t")
            drain(master, 0.3)
            os.write(master, KEY)
            print(wait_for(out, master, KEY))
        process.kill()
        process.wait()
        os.close(master)


main()
