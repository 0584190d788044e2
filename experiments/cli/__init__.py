"""The machinery of the commands: flags, flagfiles, workdirs, signals and progress."""
