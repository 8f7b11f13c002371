"""What `./uio2 bench faults` provokes: real faults of real processes, and how long they last."""
