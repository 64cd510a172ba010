"""The commands of `airflow tingting …` and `python -m airflow_provider_tingting …`, one file a command.

A command is a module with two functions: `add_arguments(parser)` and `run(arguments, console)`, which returns the exit
code. `commands.COMMANDS` lists them. A module is imported when its command is used, not before, so that
`airflow --help` costs nothing.
"""
