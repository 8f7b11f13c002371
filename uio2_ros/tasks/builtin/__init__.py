"""The tasks of this package: every `Task` of every file of this folder is one."""
