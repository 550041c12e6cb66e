"""The commands of a subject each, registered with `robot.cli.main`, and what all commands share."""
