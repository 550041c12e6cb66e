"""What is measured, for Prometheus. The only package that knows it.

The parts tell facts to small observers of their own (`ClientWatcher`, `StoreWatcher`, the notices of a call, ...),
which are implemented here, or are read when Prometheus asks (`live`). Nothing here tells a part what to do.

Label values are words of the code (states, results, the names of commands and operations), names from configuration
files, or causes of FreeSWITCH. No number, name of a person, uuid or text. What is not of the code is counted: beyond a
limit it becomes `other` (`labels`), so that the number of series is bounded.
"""
