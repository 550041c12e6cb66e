"""A FreeSWITCH to try the robot against: event socket, audio streams and virtual callees, on real ports.

What it imitates was measured on real ones; docs/simulator.md tells what it does and what it leaves out.
"""
