"""From a fresh machine to a command that runs: the set-up behind `./uio2`.

Nothing here imports more than the standard library, because it runs before anything is installed.
"""
