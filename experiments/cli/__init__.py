"""The machinery of the commands: flags, flagfiles, workdirs, locks, signals and progress."""
