"""The commands behind `./uio2`. This file and `bootstrap/` import the standard library only."""
