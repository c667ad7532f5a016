#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""cnnc tune on a terminal: what stands on the screen while it works, after Ctrl-C and at the end.

    terminal.py CNNC
"""
import fcntl
import os
import pty
import re
import struct
import sys
import tempfile
import termios

NETWORK = """network small {
    input x: f32[1, 3, 12, 12]
    y = x -> conv2d(16, kernel=3, padding=1) as a_layer_with_a_long_name -> relu
    output scores = y -> flatten -> linear(10) as fc
}
"""


class Screen:
    """As much of a terminal as is needed: lines, the carriage's return and one escape sequence."""

    def __init__(self, columns):
        self.columns = columns
        self.lines = [""]
        self.column = 0
        self.wrapped = []  # lines that were too long
        self.shown = []    # what each erasure has erased

    def write(self, text):
        while text:
            if text.startswith("\033[K"):
                self.shown.append(self.lines[-1])
                self.lines[-1] = self.lines[-1][:self.column]
                text = text[3:]
                continue
            c, text = text[0], text[1:]
            if c == "\r":
                self.column = 0
            elif c == "\n":
                self.lines.append("")
                self.column = 0
            elif c == "\033":
                raise AssertionError(f"an escape sequence: {text[:8]!r}")
            else:
                self.put(c)

    def put(self, c):
        if self.column == self.columns:
            self.wrapped.append(self.lines[-1])
            self.lines.append("")
            self.column = 0
        line = self.lines[-1].ljust(self.column)
        self.lines[-1] = line[:self.column] + c + line[self.column + 1:]
        self.column += 1


def start(columns, command):
    """The command on a terminal of its own, its standard output elsewhere."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        table = os.open("table.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(table, 1)
        os.execv(command[0], command)
    return pid, terminal


def run(columns, command, until=None):
    """What it shows. When `until` is on the screen, Ctrl-C is pressed."""
    pid, terminal = start(columns, command)
    screen = Screen(columns)
    pressed = False
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # the other side has closed it
            break
        if not data:
            break
        screen.write(data.decode())
        if until and not pressed and re.search(until, screen.lines[-1]):
            os.write(terminal, b"\003")
            pressed = True
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with open("table.txt", encoding="utf-8") as file:
        return code, screen, file.read()


def check(what, condition, screen):
    if not condition:
        print(f"FAILED: {what}\non the screen:", *screen.lines, "shown:", *screen.shown, sep="\n")
        sys.exit(1)


def check_lines(screen, last):
    """Whatever was shown for a while is gone."""
    check("a line is too long", not any("left" in line for line in screen.wrapped), screen)
    check("shown", any(screen.shown), screen)
    check("the last line", re.fullmatch(last, "".join(screen.lines)), screen)


def main():
    cnnc = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open("small.cnn", "w", encoding="utf-8") as file:
            file.write(NETWORK)
        tune = [cnnc, "tune", "small.cnn", "--no-records", "-o", "small.sched"]

        # The whole line, with two threads.
        code, screen, table = run(100, [*tune, "--trials", "3", "--threads", "2"])
        check("exit code", code == 0, screen)
        check_lines(screen, r"3 trials in 0:\d\d; records in small\.sched")
        check("measuring", "3 trials left; fc: measuring the default" in screen.shown, screen)
        check("a trial", any(re.fullmatch(
            r"\d trials left; (a_layer_with_a_long_name|fc): [\d.e+]+ [mu]s, \d\.\d\dx the default, "
            r"\d+% of roofline, \d trials", line) for line in screen.shown), screen)
        check("table", "\nAll layers: " in table, screen)
        with open("small.sched", encoding="utf-8") as file:
            check("threads", all(", 2 threads, " in line for line in file), screen)

        # A narrow one, interrupted while candidates run.
        code, screen, table = run(40, [*tune, "--budget", "10m"], until=r"left; .*: [\d.]+ ")
        check("exit code", code == 0, screen)
        check_lines(screen, r"\d+ trials in 0:\d\d, interrupted; records in small\.sched")
        check("table", "\nAll layers: " in table, screen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
