"""Everything that reads bytes from elsewhere, fed with bytes that are nearly right.

`targets` says what is read and which errors are right; `mutation` changes bytes; `engine` goes on
for as long as wanted, towards code that was not run before (`./uio2 bench fuzz`); `test_fuzz` is
the short run of every test suite, through hypothesis.
"""
