"""The checks of `./uio2 doctor`; standard library only, to run where nothing is installed."""
