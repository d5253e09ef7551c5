"""Runs a command in a terminal of 80 columns, and prints what the terminal gets. SIGINT is Ctrl-C."""
import fcntl, os, pty, signal, struct, sys, termios

child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGINT, lambda *_: os.write(terminal, b"\x03"))
while True:
    try:
        output = os.read(terminal, 65536)
    except OSError:
        # Linux's way to say that nobody has the terminal any more.
        break
    if output == b"":
        break
    os.write(1, output)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
