"""One run of each job, from top to bottom: no printing, no command line, no paths of its own."""
