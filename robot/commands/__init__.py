"""The larger groups of commands, each in a module that registers itself with `robot.cli.main`."""
